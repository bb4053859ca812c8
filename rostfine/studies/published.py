"""RoSTFine as the paper has it, against the published code and each of its deviations."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from rostfine.evaluation.definitions import METRIC_NAMES
from rostfine.evaluation.statistics import over_folds
from rostfine.metrics import METRICS, metrics_of
from rostfine.params import ExperimentParams
from rostfine.studies.metric_tables import interval_tables
from rostfine.studies.output import Output
from rostfine.studies.pairs import pairs_of
from rostfine.studies.parts import MARK, column_of, fold_values, mark_note
from rostfine.studies.results import Results
from rostfine.studies.tables import PaperTable, cell, make_table
from rostfine.variants import PAPER, named_variant

TITLE: Final = "RoSTFine of the paper and of its published code"
DISTANCES: Final = ("mse", "js", "emd")
MARK_SAYS: Final = "Not comparable: the held-out fold itself chose the epoch, which flatters it"
FLAT_NOTE: Final = (
    "flat_positions changes weights that are loaded, and therefore nothing where none are"
)
VALUE_NOTES: Final = (
    "Mean ± standard deviation over folds",
    "As its code prints it: by the metric of the experiment's variant, where that is another",
)
DIFFERENCE_NOTE: Final = "Each minus the experiment of variant paper that is the same in all else"


def tabulate(results: Results) -> Output:
    """Make tables of distances, and one of differences to the paper's method for each."""
    rows = {name: f"{name}{_mark(results, name)}" for name in results.predictions}
    notes = mark_note(MARK_SAYS, rows.values())
    if any(_is_idle(results.study.experiments[name]) for name in rows):
        notes = (*notes, FLAT_NOTE)
    tables = (
        *([_values(results, rows)] if rows else []),
        *interval_tables(results, "distances", "Distances", rows, DISTANCES),
        *_differences(results, rows),
    )
    return Output(TITLE, tuple(replace(table, notes=(*notes, *table.notes)) for table in tables))


def _mark(results: Results, name: str) -> str:
    variant = named_variant(results.study.experiments[name].variant)
    return MARK if variant.selects_on_test_fold else ""


def _is_idle(experiment: ExperimentParams) -> bool:
    flat = named_variant(experiment.variant).flat_positions
    return flat and experiment.model.pretrained is None


def _values(results: Results, rows: Mapping[str, str]) -> PaperTable:
    cells, digits = [], {}
    for metric in DISTANCES:
        column = column_of(metric)
        digits[column.heading] = column.digits
        by_fold = fold_values(results, metric) * column.scale
        for name, row in rows.items():
            found = over_folds(by_fold.loc[name].to_numpy())
            cells.append(cell(row, column.heading, found.mean, found.sd))
    for metric in DISTANCES:
        column = column_of(metric)
        heading = f"{METRIC_NAMES[metric]} as its code prints it (10⁻²)"
        for name, row in rows.items():
            if (own := _own_values(results, name, metric)) is not None:
                found = over_folds(own * column.scale)
                cells.append(cell(row, heading, found.mean, found.sd))
                digits[heading] = column.digits
    return make_table("published", TITLE, cells, digits, notes=VALUE_NOTES, corner="Experiment")


def _own_values(results: Results, name: str, metric: str) -> np.ndarray | None:
    """Return a metric of every fold as the experiment's variant has it; None if as the paper."""
    own = metrics_of(named_variant(results.study.experiments[name].variant))[metric]
    if own is METRICS[metric]:
        return None
    values = own(results.predictions[name], results.truth.labels)
    folds = results.truth.folds
    return np.array([values[folds == fold].mean() for fold in np.unique(folds)])


def _differences(results: Results, rows: Mapping[str, str]) -> Iterator[PaperTable]:
    pairs = [(rows[name], rows[other]) for name, other in _pairs(results).items()]
    for metric in DISTANCES:
        values = {
            row: METRICS[metric](results.predictions[name], results.truth.labels)
            for name, row in rows.items()
        }
        title = f"Difference to the paper's method in {METRIC_NAMES[metric]}"
        name = f"differences_{metric}"
        for table in pairs_of(results, name, metric, values, title=title, pairs=pairs):
            yield replace(table, notes=(DIFFERENCE_NOTE, *table.notes))


def _pairs(results: Results) -> dict[str, str]:
    """Return for every deviation the experiment that is the same but as the paper has it."""
    experiments = {name: results.study.experiments[name] for name in results.predictions}
    as_paper = {
        replace(experiment, variant="paper"): name
        for name, experiment in experiments.items()
        if named_variant(experiment.variant) == PAPER
    }
    wanted = {name: replace(one, variant="paper") for name, one in experiments.items()}
    return {
        name: as_paper[same]
        for name, same in wanted.items()
        if named_variant(experiments[name].variant) != PAPER and same in as_paper
    }
