"""Every metric of every experiment: by fold, and summed up beside ZeroR and the experts."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from rostfine.evaluation.calibration import reliability
from rostfine.evaluation.definitions import SMALLER_IS_BETTER, compute_scores
from rostfine.evaluation.scores import Statistic
from rostfine.evaluation.statistics import Interval, draw_patients, over_folds, percentiles
from rostfine.evaluation.tables import ZERO_R, Truth, beside_zero_r, by_patient

SAMPLE, PATIENT = "sample", "patient"
LEVELS: Final[Mapping[str, str]] = {SAMPLE: "Per clip", PATIENT: "Per patient"}

BETTER, WORSE, UNDECIDED = "better", "worse", "undecided"

FOLD_COLUMNS: Final = ("experiment", "fold", "metric", "value")
SUMMARY_COLUMNS: Final = (
    "level",
    "experiment",
    "metric",
    "mean",
    "sd",
    "out_of_fold",
    "low",
    "high",
    "minus_zero_r",
    "minus_zero_r_low",
    "minus_zero_r_high",
    "verdict",
    "ceiling",
)


def evaluate(
    predictions: Mapping[str, Float[ndarray, "sample grade"]], truth: Truth
) -> pd.DataFrame:
    """Return every metric of every experiment and of ZeroR in every fold: FOLD_COLUMNS."""
    folds = np.unique(truth.folds)
    rows = [
        (name, int(fold), metric, value)
        for name, predicted in beside_zero_r(predictions, truth).items()
        for metric, score in compute_scores(predicted, truth.labels).items()
        for fold, value in zip(folds, _by_fold(score, truth), strict=True)
    ]
    return pd.DataFrame(rows, columns=list(FOLD_COLUMNS))


def compare(
    predictions: Mapping[str, Float[ndarray, "sample grade"]],
    truth: Truth,
    rng: np.random.Generator,
    *,
    rounds: int,
    ceiling: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Sum up each metric of each experiment, ZeroR last, of clips and of patients: SUMMARY_COLUMNS.

    `mean` and `sd` are over folds; `out_of_fold` is over all samples at once, with a 95 % interval
    from `low` to `high`; `minus_zero_r` is its difference to ZeroR, with an interval over the same
    draws of patients. `verdict` is better or worse if that interval excludes zero, else undecided;
    it is empty for ZeroR itself. `ceiling` is that of `experts_ceiling`, NaN where there is none.
    """
    beside = beside_zero_r(predictions, truth)
    levels = {SAMPLE: (beside, truth), PATIENT: by_patient(beside, truth)}
    parts = []
    for level, (predicted, wanted) in levels.items():
        weights = draw_patients(wanted.patients, rounds, rng)
        parts.append(_sum_up(predicted, wanted, weights).assign(level=level))
    summary = pd.concat(parts, ignore_index=True)
    return summary.assign(ceiling=_ceiling_of(summary, ceiling))[list(SUMMARY_COLUMNS)]


def tabulate_reliability(
    predictions: Mapping[str, Float[ndarray, "sample grade"]], truth: Truth
) -> pd.DataFrame:
    """Return the reliability curve of every experiment: `experiment` and RELIABILITY_COLUMNS."""
    parts = []
    for name, predicted in beside_zero_r(predictions, truth).items():
        curve = reliability(predicted, truth.labels)
        curve.insert(0, "experiment", name)
        parts.append(curve)
    return pd.concat(parts, ignore_index=True)


def _sum_up(
    predictions: Mapping[str, Float[ndarray, "sample grade"]],
    truth: Truth,
    weights: Float[ndarray, "round sample"],
) -> pd.DataFrame:
    zero = compute_scores(predictions[ZERO_R], truth.labels)
    zero_drawn = {metric: score.resampled(weights) for metric, score in zero.items()}
    rows = []
    for name, predicted in predictions.items():
        for metric, score in compute_scores(predicted, truth.labels).items():
            value, drawn = score.value(), score.resampled(weights)
            gap = percentiles(value - zero[metric].value(), drawn - zero_drawn[metric])
            rows.append(
                {
                    "experiment": name,
                    "metric": metric,
                    **asdict(over_folds(_by_fold(score, truth))),
                    **_named(percentiles(value, drawn), ("out_of_fold", "low", "high")),
                    **_named(gap, ("minus_zero_r", "minus_zero_r_low", "minus_zero_r_high")),
                    "verdict": "" if name == ZERO_R else _verdict(metric, gap),
                }
            )
    return pd.DataFrame(rows)


def _by_fold(score: Statistic, truth: Truth) -> Float[ndarray, " fold"]:
    return np.array([score.of(truth.folds == fold).value() for fold in np.unique(truth.folds)])


def _named(found: Interval, names: tuple[str, str, str]) -> dict[str, float]:
    return dict(zip(names, (found.mean, found.low, found.high), strict=True))


def _ceiling_of(summary: pd.DataFrame, ceiling: pd.DataFrame | None) -> Any:
    if ceiling is None:
        return np.nan
    known = ceiling.set_index(["level", "metric"])["mean"]
    wanted = pd.MultiIndex.from_frame(summary[["level", "metric"]])
    return known.reindex(wanted).to_numpy(np.float64)


def _verdict(metric: str, gap: Interval) -> str:
    if not gap.excludes_zero:
        return UNDECIDED
    return BETTER if (gap.mean < 0) == (metric in SMALLER_IS_BETTER) else WORSE
