"""Tables of metrics: by fold, and summed up beside ZeroR, the training mean as the prediction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray

from rostfine.errors import FoldError, TableError
from rostfine.evaluation.statistics import (
    Interval,
    Score,
    draw_patients,
    interval,
    over_folds,
    plain_score,
)
from rostfine.metrics import METRICS, grades_by_share
from rostfine.schemas import GRADE_COLUMNS, GRADES

ZERO_R: Final = "ZeroR"
RANKS: Final = tuple(range(1, len(GRADES) + 1))
METRIC_NAMES: Final[Mapping[str, str]] = {
    "mse": "MSE",
    "js": "JS",
    "emd": "EMD",
    **{
        f"bacc_{rank}": f"BAcc {ordinal}"
        for rank, ordinal in zip(RANKS, ("1st", "2nd", "3rd", "4th", "5th"), strict=True)
    },
    "bacc_mean": "BAcc mean",
}
"""Every metric in the order of the tables, and as people write it."""

SMALLER_IS_BETTER: Final = frozenset(METRICS)

BETTER, WORSE, UNDECIDED = "better", "worse", "undecided"

FOLD_COLUMNS: Final = ("experiment", "fold", "metric", "value")
SUMMARY_COLUMNS: Final = (
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
)


@dataclass(frozen=True)
class Truth:
    """What predictions are held against, sample by sample."""

    sample_ids: tuple[str, ...]
    labels: Float[ndarray, "sample grade"]
    folds: Int[ndarray, " sample"]
    patients: tuple[str, ...]


def gather_truth(labels: pd.DataFrame, folds: pd.DataFrame, clips: pd.DataFrame) -> Truth:
    """Join labels, folds and patients in the order of the fold table.

    Raises TableError naming the samples that have a fold but no label or clip.
    """
    sample_ids = folds["sample_id"].to_list()
    by_id = {"labels": labels.set_index("sample_id"), "clips": clips.set_index("sample_id")}
    for name, table in by_id.items():
        _refuse_absent(f"{name}.parquet", sorted(set(sample_ids) - set(table.index)))
    wanted = by_id["labels"].loc[sample_ids, list(GRADE_COLUMNS)].to_numpy(np.float64)
    patients = by_id["clips"].loc[sample_ids, "patient_id"].astype(str)
    return Truth(tuple(sample_ids), wanted, folds["fold"].to_numpy(np.int64), tuple(patients))


def align(predictions: pd.DataFrame, truth: Truth, name: str) -> Float[ndarray, "sample grade"]:
    """Return the predictions of experiment `name` in the order of `truth`.

    Raises TableError if a sample was not predicted, or was in another fold when it was: then the
    predictions are older than the folds.
    """
    table = predictions.set_index("sample_id")
    where = f"runs/{name}/predictions.parquet"
    _refuse_absent(where, sorted(set(truth.sample_ids) - set(table.index)))
    table = table.loc[list(truth.sample_ids)]
    moved = table["fold"].to_numpy() != truth.folds
    if moved.any():
        first = truth.sample_ids[int(np.argmax(moved))]
        raise TableError(
            f"{where}: {int(moved.sum())} samples were predicted in another fold than "
            f"data/folds.parquet gives, first {first!r}; run cross_validate again"
        )
    return table[list(GRADE_COLUMNS)].to_numpy(np.float64)


def zero_r(
    labels: Float[ndarray, "sample grade"], folds: Int[ndarray, " sample"]
) -> Float[ndarray, "sample grade"]:
    """Predict for every sample the mean label of the other folds: what a model must beat.

    Raises FoldError if there is only one fold, because then nothing was trained on.
    """
    numbers = np.unique(folds)
    if len(numbers) < 2:
        raise FoldError(f"ZeroR: wanted at least two folds, got {len(numbers)}")
    predicted = np.empty(labels.shape, dtype=np.float64)
    for fold in numbers:
        predicted[folds == fold] = labels[folds != fold].mean(axis=0)
    return predicted


def compute_scores(
    predicted: Float[ndarray, "sample grade"], true: Float[ndarray, "sample grade"]
) -> dict[str, Score]:
    """Return every metric of METRIC_NAMES, sample by sample."""
    distances = {name: plain_score(metric(predicted, true)) for name, metric in METRICS.items()}
    guess, truth = grades_by_share(predicted).T, grades_by_share(true).T
    hits = Score((guess == truth).astype(np.float64), truth)
    ranked = {
        f"bacc_{rank}": Score(hits.values[[rank - 1]], hits.strata[[rank - 1]]) for rank in RANKS
    }
    return {**distances, **ranked, "bacc_mean": hits}


def evaluate(
    predictions: Mapping[str, Float[ndarray, "sample grade"]], truth: Truth
) -> pd.DataFrame:
    """Return every metric of every experiment and of ZeroR in every fold: FOLD_COLUMNS."""
    rows = [
        (name, int(fold), metric, score.of(truth.folds == fold).mean())
        for name, predicted in _beside_zero_r(predictions, truth).items()
        for metric, score in compute_scores(predicted, truth.labels).items()
        for fold in np.unique(truth.folds)
    ]
    return pd.DataFrame(rows, columns=list(FOLD_COLUMNS))


def compare(
    predictions: Mapping[str, Float[ndarray, "sample grade"]],
    truth: Truth,
    rng: np.random.Generator,
    *,
    rounds: int,
) -> pd.DataFrame:
    """Sum up each metric of each experiment, ZeroR last: SUMMARY_COLUMNS.

    `mean` and `sd` are over folds; `out_of_fold` is over all samples at once, with a 95 % interval
    from `low` to `high`; `minus_zero_r` is its difference to ZeroR, with an interval over the same
    draws of patients. `verdict` is better or worse if that interval excludes zero, else undecided;
    it is empty for ZeroR itself.
    """
    by_fold = evaluate(predictions, truth).groupby(["experiment", "metric"])["value"]
    zero = compute_scores(zero_r(truth.labels, truth.folds), truth.labels)
    weights = draw_patients(truth.patients, rounds, rng)
    rows = []
    for name, predicted in _beside_zero_r(predictions, truth).items():
        for metric, score in compute_scores(predicted, truth.labels).items():
            spread = over_folds(by_fold.get_group((name, metric)).to_numpy())
            found = interval(score, weights)
            gap = interval(score.minus(zero[metric]), weights)
            verdict = "" if name == ZERO_R else _verdict(metric, gap)
            values = [*asdict(spread).values(), *asdict(found).values(), *asdict(gap).values()]
            rows.append((name, metric, *values, verdict))
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def flatten(summary: pd.DataFrame) -> dict[str, float]:
    """Return the summary as `experiment.metric.statistic` to a number, for JSON."""
    statistics = [c for c in SUMMARY_COLUMNS if c not in {"experiment", "metric", "verdict"}]
    return {
        f"{row['experiment']}.{row['metric']}.{statistic}": float(row[statistic])
        for _, row in summary.iterrows()
        for statistic in statistics
    }


def to_markdown(summary: pd.DataFrame, metrics: Sequence[str] = tuple(METRIC_NAMES)) -> str:
    """Write two tables: mean ± sd over folds, and the out-of-fold difference to ZeroR."""
    models = summary[summary["experiment"] != ZERO_R]
    return (
        f"Mean ± standard deviation over folds\n\n{_pipes(summary, metrics, _spread)}\n\n"
        f"Out of fold, minus {ZERO_R} [95 % interval, patients resampled]\n\n"
        f"{_pipes(models, metrics, _gap)}\n"
    )


def _spread(row: "pd.Series[Any]") -> str:
    return f"{row['mean']:.4f} ± {row['sd']:.4f}"


def _gap(row: "pd.Series[Any]") -> str:
    limits = f"[{row['minus_zero_r_low']:+.4f}, {row['minus_zero_r_high']:+.4f}]"
    return f"{row['minus_zero_r']:+.4f} {limits} {row['verdict']}"


def _pipes(
    summary: pd.DataFrame, metrics: Sequence[str], write: Callable[["pd.Series[Any]"], str]
) -> str:
    """A Markdown table with a row per experiment and a column per metric, its columns aligned."""
    rows = summary.set_index(["experiment", "metric"])
    names = summary["experiment"].unique()
    cells = [["", *(METRIC_NAMES[metric] for metric in metrics)]]
    cells += [[name, *(write(rows.loc[(name, metric)]) for metric in metrics)] for name in names]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def _verdict(metric: str, gap: Interval) -> str:
    if not gap.excludes_zero:
        return UNDECIDED
    return BETTER if (gap.mean < 0) == (metric in SMALLER_IS_BETTER) else WORSE


def _beside_zero_r(
    predictions: Mapping[str, Float[ndarray, "sample grade"]], truth: Truth
) -> dict[str, Float[ndarray, "sample grade"]]:
    return {**predictions, ZERO_R: zero_r(truth.labels, truth.folds)}


def _refuse_absent(where: str, sample_ids: Sequence[str]) -> None:
    if sample_ids:
        shown = ", ".join(sample_ids[:5]) + (", ..." if len(sample_ids) > 5 else "")
        raise TableError(f"{where}: no row for {len(sample_ids)} samples: {shown}")
