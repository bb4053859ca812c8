"""The summary of a comparison in Markdown and as plain numbers."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pandas as pd

from rostfine.evaluation.comparison import LEVELS, PATIENT, SAMPLE, SUMMARY_COLUMNS
from rostfine.evaluation.definitions import GROUPS, MAIN_METRICS, METRIC_NAMES
from rostfine.evaluation.tables import ZERO_R

EXPERTS: Final = "Experts"
"""What the experts' ceiling is called where it stands beside experiments."""

NOT_NUMBERS: Final = frozenset({"level", "experiment", "metric", "ceiling", "verdict"})


def flatten(summary: pd.DataFrame) -> dict[str, float]:
    """Return the summary as `experiment.metric.statistic` to a number, for JSON.

    Of patients only the main metrics, as `patient_<metric>`: their value and its interval. The
    experts' ceiling is an experiment of its own.
    """
    clips = summary[summary["level"] == SAMPLE]
    patients = summary[(summary["level"] == PATIENT) & summary["metric"].isin(MAIN_METRICS)]
    statistics = [name for name in SUMMARY_COLUMNS if name not in NOT_NUMBERS]
    return {
        **_numbers(clips, "", statistics),
        **_numbers(patients, "patient_", ["out_of_fold", "low", "high"]),
        **_ceilings(clips, ""),
        **_ceilings(patients, "patient_"),
    }


def _numbers(rows: pd.DataFrame, prefix: str, statistics: list[str]) -> dict[str, float]:
    return {
        f"{row['experiment']}.{prefix}{row['metric']}.{statistic}": float(row[statistic])
        for _, row in rows.iterrows()
        for statistic in statistics
    }


def _ceilings(rows: pd.DataFrame, prefix: str) -> dict[str, float]:
    known = rows.dropna(subset="ceiling").drop_duplicates("metric")
    return {
        f"{EXPERTS}.{prefix}{metric}.out_of_fold": float(value)
        for metric, value in zip(known["metric"], known["ceiling"], strict=True)
    }


def to_markdown(summary: pd.DataFrame) -> str:
    """Write every metric of clips, then of patients: two tables for each group of metrics."""
    parts = []
    for level, title in LEVELS.items():
        parts.append(f"# {title}\n")
        rows = summary[summary["level"] == level]
        parts += [f"## {name}\n\n{two_tables(rows, group)}" for name, group in GROUPS.items()]
    return "\n".join(parts)


def two_tables(summary: pd.DataFrame, metrics: Mapping[str, str] = METRIC_NAMES) -> str:
    """Write mean ± sd over folds, and the out-of-fold difference to ZeroR, of one level."""
    models = summary[summary["experiment"] != ZERO_R]
    return (
        "Mean ± standard deviation over folds\n\n"
        f"{pipes(_cells(summary, metrics, _spread) + _ceiling_row(summary, metrics))}\n\n"
        f"Out of fold, minus {ZERO_R} [95 % interval, patients resampled]\n\n"
        f"{pipes(_cells(models, metrics, _gap))}\n"
    )


def _spread(row: "pd.Series[Any]") -> str:
    return f"{row['mean']:.4f} ± {row['sd']:.4f}"


def _gap(row: "pd.Series[Any]") -> str:
    limits = f"[{row['minus_zero_r_low']:+.4f}, {row['minus_zero_r_high']:+.4f}]"
    return f"{row['minus_zero_r']:+.4f} {limits} {row['verdict']}"


def _cells(
    summary: pd.DataFrame, metrics: Mapping[str, str], write: Callable[["pd.Series[Any]"], str]
) -> list[list[str]]:
    """A heading and a row per experiment, a column per metric."""
    rows = summary.set_index(["experiment", "metric"])
    names = summary["experiment"].unique()
    heading = ["", *metrics.values()]
    return [heading] + [[n, *(write(rows.loc[(n, m)]) for m in metrics)] for n in names]


def _ceiling_row(summary: pd.DataFrame, metrics: Mapping[str, str]) -> list[list[str]]:
    """The experts' ceiling as the last row; none where no ceiling is known."""
    known = summary.drop_duplicates("metric").set_index("metric")["ceiling"].loc[list(metrics)]
    if known.isna().all():
        return []
    return [[EXPERTS, *("" if pd.isna(value) else f"{value:.4f}" for value in known)]]


def pipes(cells: list[list[str]]) -> str:
    """Write a Markdown table, its columns aligned; the first row of `cells` is the heading."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])
