"""Average ranks, as in Tables 2, 3, 6 and 7 of the EMD paper."""

from collections.abc import Collection, Mapping
from typing import Final

import pandas as pd

from rostfine.errors import TableError

AVERAGE: Final = "Average"


def average_ranks(
    table: pd.DataFrame,
    metrics: Mapping[str, str],
    *,
    of: str,
    within: str,
    smaller_is_better: Collection[str],
) -> pd.DataFrame:
    """Rank the values of column `of` within each value of column `within`, and average the ranks.

    `table` has a row per pair of both and a column per metric of `metrics` (column to title). A row
    per metric and one of their average, a column per value of `of`: rank 1 is the best, equal
    values share their mean rank. Backbones `of` "backbone" `within` "loss" are Tables 2 and 6,
    losses the other way round 3 and 7.

    Raises TableError if a pair is missing or doubled, or has no value.
    """
    _refuse_gaps(table, metrics, of, within)
    rows = {}
    for metric, title in metrics.items():
        wide = table.pivot(index=within, columns=of, values=metric)[table[of].unique()]
        ranks = wide.rank(axis=1, ascending=metric in smaller_is_better, method="average")
        rows[title] = ranks.mean(axis=0)
    ranked = pd.DataFrame(rows).T
    ranked.loc[AVERAGE] = ranked.mean(axis=0)
    return ranked.rename_axis(index="metric", columns=of)


def _refuse_gaps(table: pd.DataFrame, metrics: Mapping[str, str], of: str, within: str) -> None:
    counts = pd.crosstab(table[within], table[of])
    odd = [(w, o) for w in counts.index for o in counts.columns if counts.loc[w, o] != 1]
    if odd:
        pair, count = odd[0], counts.loc[odd[0]]
        raise TableError(f"ranks: wanted one row for {within}, {of} = {pair}, got {count}")
    empty = table[table[list(metrics)].isna().any(axis=1)]
    if len(empty):
        pair = (empty[within].iloc[0], empty[of].iloc[0])
        raise TableError(f"ranks: no value of some metric for {within}, {of} = {pair}")
