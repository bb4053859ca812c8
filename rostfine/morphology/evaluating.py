"""What trained experiments find in pictures that they were not trained on, in numbers."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float64
from numpy import ndarray

from rostfine.evaluation.statistics import Interval, draw_patients, percentiles
from rostfine.morphology.counting import surer
from rostfine.morphology.heads import SPLITS, TRAIN, VALIDATION
from rostfine.morphology.metrics import Evaluation, evaluate
from rostfine.morphology.params import DataParams, EvaluateParams, MorphologyParams
from rostfine.morphology.published_map import published_map
from rostfine.morphology.quality import MISSED, SPURIOUS, MeanShare
from rostfine.morphology.runs import Run, read_runs

AS_PUBLISHED: Final = "published_map.mean_twice"
EPOCH: Final = "chosen_epoch"
CONFUSION_COLUMNS: Final = ("experiment", "split", "by", "truth", "found", "heads")


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
