"""Metrics of every experiment beside ZeroR and the experts: over folds, of clips, of patients."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rostfine.evaluation.comparison import PATIENT, SAMPLE
from rostfine.evaluation.tables import ZERO_R
from rostfine.evaluation.writing import EXPERTS
from rostfine.studies.papers import Numbers
from rostfine.studies.parts import column_of, present
from rostfine.studies.results import Results
from rostfine.studies.tables import PaperTable, cell, make_table

NOTES: Final = (
    f"{ZERO_R} predicts the mean label of the other folds",
    f"{EXPERTS}: one half of the experts predicts the other half",
)
OUT_OF_FOLD: Final = ("out_of_fold", "low", "high")
INTERVALS: Final = "In brackets: 95 % interval, a bootstrap over patients"


@dataclass(frozen=True)
class View:
    """A way to sum up metrics: what is added to name and title, a level, and numbers of that."""

    suffix: str
    says: str
    level: str
    numbers: tuple[str, ...]
    notes: tuple[str, ...]


FOLDS: Final = View("", "", SAMPLE, ("mean", "sd"), ("Mean ± standard deviation over folds",))
CLIPS: Final = View(
    "_clips",
    "; all clips at once",
    SAMPLE,
    OUT_OF_FOLD,
    ("Over all clips, each predicted by a model that was not trained on it", INTERVALS),
)
PATIENTS: Final = View(
    "_patients",
    "; by patient",
    PATIENT,
    OUT_OF_FOLD,
    ("Predictions and labels averaged over the clips of each patient first", INTERVALS),
)


def metric_tables(
    results: Results,
    name: str,
    title: str,
    rows: Mapping[str, str],
    metrics: Sequence[str],
    *,
    printed: Numbers | None = None,
) -> tuple[PaperTable, ...]:
    """Make a table of metrics over folds, as the papers do, and those of `interval_tables`.

    Rows are the experiments of `rows` by their names there, ZeroR, and the experts' ceiling.
    `printed` are the paper's own numbers by experiment and metric, in the units of the table.
    """
    cells = _fill(FOLDS, results, rows, metrics, printed or {})
    notes = (*FOLDS.notes, *NOTES)
    return (
        make_table(name, title, cells, _digits(metrics), notes=notes, corner="Model"),
        *interval_tables(results, name, title, rows, metrics),
    )


def interval_tables(
    results: Results, name: str, title: str, rows: Mapping[str, str], metrics: Sequence[str]
) -> tuple[PaperTable, ...]:
    """Make a table of metrics of all clips with 95 % intervals, and one of all patients."""
    return tuple(
        make_table(
            f"{name}{view.suffix}",
            f"{title}{view.says}",
            _fill(view, results, rows, metrics, {}),
            _digits(metrics),
            notes=(*view.notes, *NOTES),
            corner="Model",
        )
        for view in (CLIPS, PATIENTS)
    )


def _fill(
    view: View,
    results: Results,
    rows: Mapping[str, str],
    metrics: Sequence[str],
    printed: Numbers,
) -> list[dict[str, Any]]:
    of_level = results.summary[results.summary["level"] == view.level]
    numbers: Any = of_level.set_index(["experiment", "metric"])
    columns = {metric: column_of(metric) for metric in metrics}
    cells = []
    for experiment, label in {**present(rows, results), ZERO_R: ZERO_R}.items():
        for metric, column in columns.items():
            mean, *spread = numbers.loc[(experiment, metric), list(view.numbers)] * column.scale
            sd, limits = (spread[0], []) if view is FOLDS else (math.nan, spread)
            paper = printed.get(experiment, {}).get(metric, ())
            cells.append(cell(label, column.heading, mean, sd, limits=limits, paper=paper))
    for metric, column in columns.items():
        ceiling = numbers.loc[(ZERO_R, metric), "ceiling"] * column.scale
        cells.append(cell(EXPERTS, column.heading, ceiling))
    return cells


def _digits(metrics: Sequence[str]) -> dict[str, int]:
    columns = [column_of(metric) for metric in metrics]
    return {column.heading: column.digits for column in columns}
