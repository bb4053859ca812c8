"""Two models on the same clips: how far apart, how sure, how large."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from rostfine.evaluation.definitions import METRIC_NAMES, SMALLER_IS_BETTER
from rostfine.evaluation.significance import holm, pairwise
from rostfine.metrics import METRICS
from rostfine.studies.parts import column_of
from rostfine.studies.results import Results
from rostfine.studies.tables import PaperTable, cell, make_table

STATISTICS: Final[Mapping[str, str]] = {
    "p": "p",
    "p_holm": "p, Holm",
    "d_z": "Cohen's d_z",
    "rank_biserial": "rank-biserial r",
}
NOTES: Final = (
    "p: paired permutation test, clips of a patient exchanged together; Holm: corrected for the "
    "number of pairs; interval: bootstrap over patients",
)


def pairs_tables(
    results: Results, metrics: Mapping[str, str], rows: Mapping[str, str] | None = None
) -> tuple[PaperTable, ...]:
    """Make a table of every two models for each distance; `metrics` has them by table name.

    `rows` says what experiments are called, where not by their names. None below two models.
    """
    called = rows or {}
    tables = list[PaperTable]()
    for name, metric in metrics.items():
        values = {
            called.get(experiment, experiment): METRICS[metric](predicted, results.truth.labels)
            for experiment, predicted in results.predictions.items()
        }
        title = f"Every two models on the same clips, by {METRIC_NAMES[metric]}"
        tables += pairs_of(results, name, metric, values, title=title)
    return tuple(tables)


def pairs_of(
    results: Results,
    name: str,
    metric: str,
    values: Mapping[str, Float[ndarray, " sample"]],
    *,
    title: str,
    pairs: Sequence[tuple[str, str]] | None = None,
) -> tuple[PaperTable, ...]:
    """Make a table of pairs of rows of `values`, a metric of every sample: of `pairs`, or of all.

    There is none where there is no pair.
    """
    wanted = list(combinations(values, 2)) if pairs is None else pairs
    if not wanted:
        return ()
    column = column_of(metric)
    heading = f"{column.heading}, difference [95 %]"
    cells = []
    for pair in _compare(results, values, wanted).to_dict("records"):
        row = f"{pair['model']} – {pair['other']}"
        apart = [pair[key] * column.scale for key in ("mean_difference", "low", "high")]
        cells.append(cell(row, heading, apart[0], limits=apart[1:]))
        for key, statistic in STATISTICS.items():
            cells.append(cell(row, statistic, pair[key]))
    digits = {heading: column.digits, **dict.fromkeys(STATISTICS.values(), 3)}
    better = "Negative" if metric in SMALLER_IS_BETTER else "Positive"
    notes = (f"{better}: the first is better", *NOTES)
    return (make_table(name, title, cells, digits, notes=notes, corner="Models"),)


def _compare(
    results: Results,
    values: Mapping[str, Float[ndarray, " sample"]],
    pairs: Sequence[tuple[str, str]],
) -> pd.DataFrame:
    """Compare each pair over the same draws, and correct p for the number of these pairs."""
    patients, draws = results.truth.patients, results.study.bootstrap
    rows = [
        pairwise({one: values[one], other: values[other]}, patients, results.rng(), draws=draws)
        for one, other in pairs
    ]
    found = pd.concat(rows, ignore_index=True)
    return found.assign(p_holm=holm(found["p"].to_numpy(dtype=float)))
