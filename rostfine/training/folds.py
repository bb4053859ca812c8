"""One fit of a cross-validation, from the samples it may see to the folder it leaves."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float32
from numpy import ndarray
from safetensors import SafetensorError

from rostfine.errors import FoldError, TrainingError
from rostfine.files import read_json, write_json
from rostfine.params import ExperimentParams
from rostfine.parsing import parse, plain
from rostfine.schemas import GRADE_COLUMNS, GRADES, PREDICTIONS, Table, write_table
from rostfine.training.checkpoint import Checkpoints
from rostfine.training.choosing import choose_validation
from rostfine.training.data import TrainingData
from rostfine.training.epoch import Epoch
from rostfine.training.fits import Fit
from rostfine.training.grades import Grades
from rostfine.training.loop import ALONE, Fitted, fit
from rostfine.training.passing import predict_fed
from rostfine.training.saved import SETTINGS, WEIGHTS, ModelSettings, Settings, save_model
from rostfine.training.team import Team
from rostfine.training.work import Work
from rostfine.variants import named_variant

HISTORY: Final = "history.json"
PREDICTIONS_FILE: Final = "predictions.parquet"


@dataclass(frozen=True)
class Split:
    """Who trains, who chooses the epoch, and who is held out and predicted once."""

    train: Bool[ndarray, " clip"]
    choose: Bool[ndarray, " clip"]
    held_out: Bool[ndarray, " clip"]


def split_for(todo: Fit, data: TrainingData, experiment: ExperimentParams) -> Split:
    """Split the samples for a fit; no patient is on two sides, unless the folds split one.

    As published (`selects_on_test_fold`) those held out choose, too.

    Raises FoldError if those who train have all one modal grade, or no two patients to choose by.
    """
    held_out = np.zeros(len(data.folds), dtype=bool)
    if todo.held_out is not None:
        held_out = data.folds == todo.held_out
    seen, choose = ~held_out, np.zeros_like(held_out)
    modes = data.samples.labels.argmax(dim=1).numpy()
    if named_variant(experiment.variant).selects_on_test_fold:
        choose = held_out
    elif experiment.fit.choose_epoch == "validation":
        rows, params = np.flatnonzero(seen), experiment.fit
        grades, patients = [GRADES[modes[r]] for r in rows], [data.patients[r] for r in rows]
        chosen = choose_validation(grades, patients, params.validation, params.seed)
        choose[rows[chosen]] = True
    train = seen & ~choose
    if len(set(modes[train])) < 2:
        grade = GRADES[modes[train][0]] if train.any() else "none"
        raise FoldError(
            f"{todo.folder}: wanted clips of two modal grades or more to train on, "
            f"got {int(train.sum())} of grade {grade}"
        )
    return Split(train, choose, held_out)


def train_fold(
    todo: Fit,
    data: TrainingData,
    settings: ModelSettings,
    *,
    work: Work,
    on_epoch: Callable[[Epoch], None],
    team: Team = ALONE,
) -> pd.DataFrame | None:
    """Fit, predict the fold that was held out, and write weights, history and predictions.

    What a run that was cut short left in the folder of the fit is gone on from. Returns the
    predictions, if there are any and this process leads.
    """
    experiment, folder = settings.experiment, work.of(todo)
    split = split_for(todo, data, experiment)
    train, choose, held_out = (
        data.samples.take(torch.from_numpy(np.flatnonzero(mask)))
        for mask in (split.train, split.choose, split.held_out)
    )
    recipe = Grades(experiment)
    done = fit(
        train,
        recipe,
        on_epoch=on_epoch,
        chooses=choose if split.choose.any() else None,
        team=team,
        checkpoints=Checkpoints(folder, work.identity),
    )
    if not team.leads:
        return None
    feed = recipe.feed(held_out, team.device)
    table = None
    if split.held_out.any():
        predicted = predict_fed(done.model, feed, held_out, batch=experiment.fit.batch)
        table = _table(data, split.held_out, predicted)
    said = dataclasses.replace(settings, trained_on=todo.trained_on, epoch_by=_by(split))
    tables = {} if table is None else {PREDICTIONS_FILE: (table, PREDICTIONS)}
    leave(work, todo, done, said, tables)
    return table


def leave(
    work: Work,
    todo: Fit,
    done: Fitted,
    said: Settings,
    tables: Mapping[str, tuple[pd.DataFrame, Table]],
) -> None:
    """Write what a fit leaves into its folder, tables by their names, and mark it done.

    Raises TrainingError if it cannot be written.
    """
    folder, files = work.of(todo), [WEIGHTS, SETTINGS, HISTORY]
    try:
        save_model(folder, done.model, said)
        write_json(folder / HISTORY, [_without_time(epoch) for epoch in done.history], durable=True)
        for name, table in tables.items():
            write_table(folder / name, *table)
            files.append(name)
        work.mark_done(todo, files)
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{folder}: cannot be written: {error}") from error


def history_of(work: Work, todo: Fit) -> list[Epoch]:
    """Return the epochs of a fit that are done, as far as they are told in its folder."""
    if work.is_done(todo):
        told = read_json(work.of(todo) / HISTORY)
        return [parse(Epoch, {**epoch, "seconds": 0.0}) for epoch in told]
    kept = Checkpoints(work.of(todo), work.identity).load()
    return [parse(Epoch, epoch) for epoch in kept.facts["history"]] if kept else []


def _by(split: Split) -> str:
    """Say what chose the epoch."""
    clips = int(split.choose.sum())
    if not clips:
        return "none: the last"
    on_test = bool((split.choose & split.held_out).any())
    return "the held-out fold, as published" if on_test else f"{clips} clips kept for it"


def _without_time(epoch: Epoch) -> dict[str, Any]:
    """Leave out what differs between two runs that are otherwise alike."""
    return {key: value for key, value in plain(epoch).items() if key != "seconds"}


def _table(
    data: TrainingData,
    held_out: Bool[ndarray, " clip"],
    predicted: Float32[ndarray, "held_out grade"],
) -> pd.DataFrame:
    table = pd.DataFrame(predicted.astype(np.float64), columns=list(GRADE_COLUMNS))
    table["sample_id"] = np.array(data.sample_ids)[held_out]
    table["fold"] = data.folds[held_out]
    return table
