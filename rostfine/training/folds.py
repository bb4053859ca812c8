"""One fit of a cross-validation, from the samples it may see to the folder it leaves."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float32
from numpy import ndarray

from rostfine.evaluation.predict import predict
from rostfine.files import write_json
from rostfine.schemas import GRADE_COLUMNS, PREDICTIONS, write_table
from rostfine.training.data import TrainingData
from rostfine.training.loop import Epoch, fit
from rostfine.training.saved import ModelSettings, save_model

HISTORY = "history.json"
PREDICTIONS_FILE = "predictions.parquet"


@dataclass(frozen=True)
class Fit:
    """One fit to be done: the fold that is held out, or none."""

    held_out: int | None

    @property
    def folder(self) -> str:
        """The name of its folder in the experiment's run."""
        return "final" if self.held_out is None else f"fold_{self.held_out}"

    @property
    def trained_on(self) -> str:
        """What it saw, in words."""
        return "all data" if self.held_out is None else f"all data but fold {self.held_out}"


def train_fold(
    todo: Fit,
    data: TrainingData,
    settings: ModelSettings,
    *,
    run_folder: Path,
    on_epoch: Callable[[Epoch], None],
) -> None:
    """Fit, predict the fold that was held out, and write weights, history and predictions."""
    seen = data.folds != (-1 if todo.held_out is None else todo.held_out)
    history: list[Epoch] = []

    def note(epoch: Epoch) -> None:
        history.append(epoch)
        on_epoch(epoch)

    experiment = settings.experiment
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    samples = data.samples.take(torch.from_numpy(np.flatnonzero(seen)))
    unseen = None
    if todo.held_out is not None:
        unseen = data.samples.take(torch.from_numpy(np.flatnonzero(~seen)))
    model = fit(samples, experiment, held_out=unseen, device=device, on_epoch=note)
    folder = run_folder / todo.folder
    save_model(folder, model, dataclasses.replace(settings, trained_on=todo.trained_on))
    write_json(folder / HISTORY, [dataclasses.asdict(epoch) for epoch in history])
    if unseen is not None:
        predicted = predict(model, unseen.frames, experiment.input, speeds=unseen.speeds)
        table = _predictions(data, ~seen, predicted)
        write_table(folder / PREDICTIONS_FILE, table, PREDICTIONS)


def _predictions(
    data: TrainingData,
    held_out: Bool[ndarray, " clip"],
    predicted: Float32[ndarray, "held_out grade"],
) -> pd.DataFrame:
    table = pd.DataFrame(predicted.astype(np.float64), columns=list(GRADE_COLUMNS))
    table["sample_id"] = np.array(data.sample_ids)[held_out]
    table["fold"] = data.folds[held_out]
    return table
