"""RoSTFine as the paper has it, against the published code and each of its deviations."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from rostfine.evaluation.definitions import METRIC_NAMES
from rostfine.evaluation.significance import cohens_d_z, holm, paired_permutation
from rostfine.evaluation.statistics import bootstrap_difference, over_folds
from rostfine.metrics import METRICS, metrics_of
from rostfine.params import ExperimentParams
from rostfine.studies.output import Output
from rostfine.studies.parts import column_of, fold_values
from rostfine.studies.results import Results
from rostfine.studies.tables import PaperTable, cell, make_table
from rostfine.variants import PAPER, named_variant

TITLE: Final = "RoSTFine of the paper and of its published code"
DISTANCES: Final = ("mse", "js", "emd")
MARK: Final = "†"
MARK_NOTE: Final = (
    f"{MARK} Not comparable: the held-out fold itself chose the epoch, which flatters it"
)
FLAT_NOTE: Final = (
    "flat_positions changes weights that are loaded, and therefore nothing where none are"
)
VALUE_NOTES: Final = (
    "Mean ± standard deviation over folds",
    "As its code prints it: by the metric of the experiment's variant, where that is another",
)
DIFFERENCE_NOTES: Final = (
    "Each minus the experiment of variant paper that is the same in all else; negative: better "
    "than that",
    "Interval: bootstrap over patients; p: paired permutation test, clips of a patient exchanged "
    "together; Holm: corrected for the number of rows",
)


@dataclass(frozen=True)
class Difference:
    """How far two experiments are apart, between which limits, how sure, and in sds."""

    mean: float
    low: float
    high: float
    p: float
    d_z: float


def tabulate(results: Results) -> Output:
    """Make a table of distances, and one of the differences to the paper's method."""
    rows = {name: f"{name}{_mark(results, name)}" for name in results.predictions}
    notes = (MARK_NOTE,) if any(MARK in row for row in rows.values()) else ()
    if any(_is_idle(results.study.experiments[name]) for name in rows):
        notes = (*notes, FLAT_NOTE)
    return Output(TITLE, (_values(results, rows, notes), _differences(results, rows, notes)))


def _mark(results: Results, name: str) -> str:
    variant = named_variant(results.study.experiments[name].variant)
    return MARK if variant.selects_on_test_fold else ""


def _is_idle(experiment: ExperimentParams) -> bool:
    flat = named_variant(experiment.variant).flat_positions
    return flat and experiment.model.pretrained is None


def _values(results: Results, rows: Mapping[str, str], notes: tuple[str, ...]) -> PaperTable:
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
    below = (*notes, *VALUE_NOTES)
    return make_table("published", TITLE, cells, digits, notes=below, corner="Experiment")


def _own_values(results: Results, name: str, metric: str) -> np.ndarray | None:
    """Return a metric of every fold as the experiment's variant has it; None if as the paper."""
    own = metrics_of(named_variant(results.study.experiments[name].variant))[metric]
    if own is METRICS[metric]:
        return None
    values = own(results.predictions[name], results.truth.labels)
    folds = results.truth.folds
    return np.array([values[folds == fold].mean() for fold in np.unique(folds)])


def _differences(results: Results, rows: Mapping[str, str], notes: tuple[str, ...]) -> PaperTable:
    pairs = _pairs(results)
    cells, digits = [], dict[str, int]()
    for metric in DISTANCES:
        column, title = column_of(metric), METRIC_NAMES[metric]
        heading, p, p_holm, effect = (
            f"{column.heading}, difference [95 %]",
            f"{title}: p",
            f"{title}: p, Holm",
            f"{title}: Cohen's d_z",
        )
        digits |= {heading: column.digits, **dict.fromkeys((p, p_holm, effect), 3)}
        found = [_compare(results, name, other, metric) for name, other in pairs.items()]
        corrected = holm(np.array([difference.p for difference in found], dtype=np.float64))
        for (name, other), one, holms in zip(pairs.items(), found, corrected, strict=True):
            mean, *limits = (value * column.scale for value in (one.mean, one.low, one.high))
            row = f"{rows[name]} – {other}"
            cells.append(cell(row, heading, mean, limits=limits))
            cells += [cell(row, p, one.p), cell(row, p_holm, holms), cell(row, effect, one.d_z)]
    below = (*notes, *DIFFERENCE_NOTES)
    title = "Difference to the paper's method"
    return make_table("differences", title, cells, digits, notes=below, corner="Experiments")


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


def _compare(results: Results, name: str, other: str, metric: str) -> Difference:
    values, others = (
        METRICS[metric](results.predictions[one], results.truth.labels) for one in (name, other)
    )
    patients, rng = results.truth.patients, results.rng()
    found = bootstrap_difference(values, others, patients, rng, rounds=results.study.bootstrap)
    p = paired_permutation(values - others, rng, patients=patients)
    return Difference(found.mean, found.low, found.high, p, cohens_d_z(values - others))
