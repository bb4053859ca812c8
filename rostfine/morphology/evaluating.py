"""What trained experiments find in pictures that they were not trained on, and in numbers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from jaxtyping import Float64
from numpy import ndarray

from rostfine.errors import InputError, TableError
from rostfine.evaluation.statistics import Interval, draw_patients, percentiles
from rostfine.files import read_json
from rostfine.morphology.contour import is_cut
from rostfine.morphology.counting import in_use, surer
from rostfine.morphology.heads import SPLITS, TEST, TRAIN, VALIDATION, Instance, Picture
from rostfine.morphology.matching import Pair, match_heads, paired
from rostfine.morphology.measures import Classes, is_head, measure
from rostfine.morphology.metrics import Evaluation, evaluate
from rostfine.morphology.params import DataParams, EvaluateParams, MorphologyParams, Role
from rostfine.morphology.published_map import published_map
from rostfine.morphology.quality import MISSED, SPURIOUS, MeanShare
from rostfine.morphology.stored import read_found, read_pictures
from rostfine.morphology.tables import AS_PUBLISHED_FILE, FOUND, RUNS
from rostfine.schemas import read_table
from rostfine.training.folds import PREDICTIONS_FILE

UNSEEN: Final = (TEST, VALIDATION)
AS_PUBLISHED: Final = "published_map.mean_twice"
NAMES_SHOWN: Final = 8
EPOCH: Final = "chosen_epoch"
CONFUSION_COLUMNS: Final = ("experiment", "split", "by", "truth", "found", "heads")
MEASURED: Final = ("length", "width_to_length", "ellipticity")
MEASURED_COLUMNS: Final = ("picture_id", "truth", "found", "measure", "true", "measured")


@dataclass(frozen=True)
class Run:
    """What an experiment found in the pictures of each split that it was not trained on.

    `as_published` is the same with the mean subtracted twice, where that was kept. `least_score` is
    that of a head in use. `history` has a record for each epoch, as `rostfine.training.epoch.Epoch`
    but for its time.
    """

    name: str
    variant: str
    roles: Mapping[str, Role]
    least_score: float
    history: Sequence[Mapping[str, Any]]
    truth: Mapping[str, list[Picture]]
    found: Mapping[str, list[Picture]]
    as_published: Mapping[str, list[Picture]]

    @property
    def chosen(self) -> Mapping[str, Any]:
        """The record of the epoch whose weights are kept; `best` is -1, the last, if none chose."""
        chosen: Mapping[str, Any] = self.history[self.history[-1]["best"]]
        return chosen

    def sure(self, split: str) -> list[Picture]:
        """Return the pictures of a split with what is found in them in use."""
        return [in_use(one, self.roles, self.least_score) for one in self.found[split]]


def read_runs(params: MorphologyParams) -> tuple[dict[str, Run], list[str]]:
    """Read the experiments of `train`, standing in their workspace, and say what is missing.

    Raises InputError if there is none, and TableError for one that found heads in other pictures
    than those of now, or of other classes.
    """
    truth = {split: read_pictures(split) for split in UNSEEN}
    notices = [f"no pictures of the split {split}" for split in UNSEEN if not truth[split]]
    truth = {split: pictures for split, pictures in truth.items() if pictures}
    runs = {}
    for name in params.train:
        experiment = params.experiments[name]
        folder = RUNS / name / "final"
        if (folder / PREDICTIONS_FILE).exists():
            found = _read(folder / PREDICTIONS_FILE, truth, params.data)
            other = folder / AS_PUBLISHED_FILE
            again = _read(other, truth, params.data) if other.exists() else {}
            history = read_json(folder / "history.json")
            score = experiment.model.score
            roles = {one: held.role for one, held in params.data.classes.items()}
            about = (name, experiment.variant, roles, score)
            runs[name] = Run(*about, history, truth, found, again)
        else:
            notices.append(f"{name}: not trained")
    if not runs:
        raise InputError(f"{RUNS}: no predictions of any experiment; run morphology_train first")
    return runs, notices


def evaluate_runs(
    params: MorphologyParams, runs: Mapping[str, Run] | None = None
) -> dict[str, dict[str, Evaluation]]:
    """Evaluate each experiment on each split that it was not trained on.

    The epoch was chosen on the one of validation, which so flatters it. `runs` are those of
    `read_runs`, if they were read already. Raises as that does.
    """
    known = read_runs(params)[0] if runs is None else runs
    return {
        name: {
            split: evaluate(
                run.truth[split],
                run.found[split],
                params.data,
                params.evaluate,
                least_score=run.least_score,
            )
            for split in run.truth
        }
        for name, run in known.items()
    }


def flatten(
    runs: Mapping[str, Run], evaluations: Mapping[str, Mapping[str, Evaluation]], data: DataParams
) -> dict[str, float]:
    """Return all that is known as `experiment.split.name` to a number, for JSON."""
    found = dict[str, float]()
    for name, run in runs.items():
        for split in SPLITS:
            numbers = _of_history(run, split)
            if split in run.truth:
                numbers |= evaluations[name][split].flat() | _twice(run, split, data)
            found |= {f"{name}.{split}.{key}": value for key, value in numbers.items()}
    return {key: float(value) for key, value in found.items() if math.isfinite(value)}


def confusions(evaluations: Mapping[str, Mapping[str, Evaluation]]) -> pd.DataFrame:
    """Return all confusions, by role and by class, as one table: CONFUSION_COLUMNS."""
    rows = [
        (name, split, by, truth, found, int(table.loc[truth, found]))
        for name, of_split in evaluations.items()
        for split, one in of_split.items()
        for by, table in (("role", one.quality.roles), ("class", one.quality.classes))
        for truth in table.index
        for found in table.columns
    ]
    return pd.DataFrame(rows, columns=list(CONFUSION_COLUMNS))


def over_pictures(
    evaluation: Evaluation, params: EvaluateParams
) -> tuple[Interval | None, Interval | None]:
    """Return the published mAP, and the share of heads that are found, with limits over pictures.

    None with fewer than two pictures that count.
    """
    aps, heads = evaluation.published.dropna(), evaluation.heads
    true = heads[heads["truth"] != SPURIOUS]
    met = (true["found"] != MISSED).groupby(true["picture_id"])
    return (
        _limits(aps.to_numpy(np.float64), np.ones(len(aps)), params),
        _limits(met.sum().to_numpy(np.float64), met.size().to_numpy(np.float64), params),
    )


def measure_heads(
    truth: Sequence[Picture], found: Sequence[Picture], data: DataParams, iou: float
) -> pd.DataFrame:
    """Measure each true head and what was found of it: MEASURED_COLUMNS, by a row each.

    `measured` is NaN where it was missed. Lengths are in um where that scale is known, else in px.
    Heads that reach beyond their picture, or of which only a box is known, are left out.
    """
    roles = {name: one.role for name, one in data.classes.items()}
    rows = [
        (pair[0].picture_id, true.class_name, said.class_name if said else MISSED, *values)
        for pair in paired(truth, found)
        for true, said in _met(pair, roles, iou)
        for values in _values(true, said, roles, data)
    ]
    return pd.DataFrame(rows, columns=list(MEASURED_COLUMNS))


def _met(pair: Pair, roles: Classes, iou: float) -> Iterator[tuple[Instance, Instance | None]]:
    """Yield each true head that is whole and outlined, with what was found of it."""
    true, said = ([one for one in p.instances if is_head(one, roles)] for p in pair)
    found = {i: said[j] for i, j, _ in match_heads(true, said, iou).pairs}
    for i, one in enumerate(true):
        if one.outlined and not is_cut(one.mask):
            yield one, found.get(i)


def _measure(one: Instance, roles: Classes, data: DataParams) -> dict[str, float]:
    found = measure(one, (), data.um_per_px, classes=roles)
    scale = data.um_per_px or 1.0
    values = (found.length_px * scale, found.width_to_length, found.ellipticity)
    return dict(zip(MEASURED, values, strict=True))


def _values(
    true: Instance, said: Instance | None, roles: Classes, data: DataParams
) -> Iterator[tuple[str, float, float]]:
    """Yield each measure by name, as it is and as it was found."""
    measured = _measure(said, roles, data) if said else dict.fromkeys(MEASURED, math.nan)
    for name, value in _measure(true, roles, data).items():
        yield name, value, measured[name]


def _read(
    path: Path, truth: Mapping[str, list[Picture]], data: DataParams
) -> dict[str, list[Picture]]:
    _refuse_stale(path, {one.picture_id for of_split in truth.values() for one in of_split}, data)
    return {split: read_found(path, pictures) for split, pictures in truth.items()}


def _refuse_stale(path: Path, pictures: set[str], data: DataParams) -> None:
    table = read_table(path, FOUND)
    known = {"pictures": ("picture_id", pictures), "classes": ("class_name", set(data.classes))}
    for what, (column, names) in known.items():
        odd = sorted(set(table[column]) - names)
        if odd:
            raise TableError(
                f"{path}: wanted {what} of now alone, got {', '.join(odd[:NAMES_SHOWN])}"
                f"{' and more' if len(odd) > NAMES_SHOWN else ''}; run morphology_train again"
            )


def _of_history(run: Run, split: str) -> dict[str, float]:
    """The losses of the epoch that was chosen, and which it is, from 1."""
    terms = {TRAIN: "train", VALIDATION: "valid"}.get(split)
    said = run.chosen[terms] if terms else None
    if not said:
        return {}
    losses = {f"loss_{term}": said["branches"][term] for term in run.chosen["train"]["branches"]}
    epoch = {EPOCH: run.chosen["epoch"] + 1.0} if split == VALIDATION else {}
    return {"loss": said["total"], **losses, **epoch}


def _twice(run: Run, split: str, data: DataParams) -> dict[str, float]:
    if split not in run.as_published:
        return {}
    sure = [surer(picture, run.least_score) for picture in run.as_published[split]]
    return {AS_PUBLISHED: published_map(run.truth[split], sure, data.classes)}


def _limits(
    hits: Float64[ndarray, " picture"],
    counted: Float64[ndarray, " picture"],
    params: EvaluateParams,
) -> Interval | None:
    if len(hits) < 2:
        return None
    share = MeanShare(hits[None], counted[None])
    places = [str(place) for place in range(len(hits))]
    drawn = draw_patients(places, params.bootstrap, np.random.default_rng(params.seed))
    return percentiles(share.value(), share.resampled(drawn))
