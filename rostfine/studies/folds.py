"""Table 5 of the RoSTFine paper: fold by fold, against TimeSformer."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from rostfine.studies.metric_tables import interval_tables
from rostfine.studies.output import Output
from rostfine.studies.pairs import pairs_tables
from rostfine.studies.papers import Numbers, printed_of
from rostfine.studies.parts import column_of, fold_values, label_models
from rostfine.studies.results import Results
from rostfine.studies.tables import PaperTable, cell, make_table

TITLE: Final = "Fold by fold (RoSTFine paper, Table 5)"
METRICS: Final = ("mse", "js")
FOLD_NOTES: Final = (
    "Fold 1 is fold_0 of the runs",
    "Folds of the paper are not those here, but have the same number",
)
PAPER_NOTE: Final = (
    "The paper's Table 5 does not average to its Table 2 throughout: of TimeSformer, MSE 1.169 "
    "against 1.186; of RoSTFine with α = 0, JS 4.195 against 4.145"
)


def tabulate(results: Results) -> Output:
    """Make the table, and count in how many folds each model beats the study's first."""
    rows = label_models(results)
    numbers = printed_of(results.study.experiments, "table_5")
    tables = (
        *([_by_fold(results, rows, numbers)] if rows else []),
        *([_count_better(results, rows, numbers)] if len(rows) > 1 else []),
        *interval_tables(results, "distances", "MSE and JS", rows, METRICS),
        *pairs_tables(results, {f"pairs_{metric}": metric for metric in METRICS}, rows),
    )
    return Output(TITLE, tables)


def _by_fold(results: Results, rows: Mapping[str, str], numbers: Numbers) -> PaperTable:
    cells, digits = [], {}
    for name, label in rows.items():
        for metric in METRICS:
            column = column_of(metric)
            heading = f"{label}, {column.heading}"
            digits[heading] = column.digits
            papers = numbers.get(name, {}).get(metric, ())
            for place, value in enumerate(fold_values(results, metric).loc[name] * column.scale):
                paper = papers[place : place + 1]
                cells.append(cell(str(place + 1), heading, value, paper=paper))
    notes = (*FOLD_NOTES, PAPER_NOTE) if numbers else FOLD_NOTES
    return make_table("table_5", TITLE, cells, digits, notes=notes, corner="Fold")


def _count_better(results: Results, rows: Mapping[str, str], numbers: Numbers) -> PaperTable:
    reference, *others = rows
    cells = []
    for metric in METRICS:
        ours = fold_values(results, metric)
        for name in others:
            count = _times_less(ours.loc[name].to_numpy(), ours.loc[reference].to_numpy())
            pair = [numbers.get(one, {}).get(metric) for one in (name, reference)]
            paper = [_times_less(*map(np.array, pair))] if all(pair) else []
            cells.append(cell(rows[name], column_of(metric).heading, count, paper=paper))
    digits = {column_of(metric).heading: 0 for metric in METRICS}
    folds = len(np.unique(results.truth.folds))
    notes = [f"Of {folds} folds here, and of 5 in the paper; equal is not better"]
    title = f"In how many folds a model is better than {rows[reference]}"
    return make_table("better_in_folds", title, cells, digits, notes=notes, corner="Model")


def _times_less(values: Float[ndarray, " fold"], others: Float[ndarray, " fold"]) -> float:
    return float((values < others).sum())
