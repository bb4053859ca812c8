"""Tables 2, 3, 6 and 7 of the EMD paper: backbones ranked within losses, losses in backbones."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from rostfine.evaluation.comparison import SAMPLE
from rostfine.evaluation.definitions import METRIC_NAMES, SMALLER_IS_BETTER
from rostfine.evaluation.ranks import average_ranks
from rostfine.studies.backbone_grid import Place, full_grid, loss_title
from rostfine.studies.papers import Numbers, printed
from rostfine.studies.results import Results
from rostfine.studies.tables import PaperTable, cell, make_table

MAIN: Final = ("emd", "mse", "js", "ce", "hi", "macro_hi", "macro_f1")
SEGMENTS: Final = ("macro_hi_top25", "macro_hi_top50", "macro_hi_top75")
BACKBONE, LOSS = "backbone", "loss"
DIGITS: Final = 2
RANK_NOTE: Final = (
    "Rank 1 is the best mean over folds, equals share their mean rank; "
    "a rank does not say by how much, or how surely"
)
PAPERS_SUM: Final = (
    "The paper's rows sum to 9.5 where ranks of four sum to 10, so equals were ranked otherwise"
)


def rank_tables(results: Results, places: Sequence[Place]) -> tuple[PaperTable, ...]:
    """Make the four tables of the places that are a full grid; none where there is no place."""
    full = full_grid(places)
    if not full:
        return ()
    values, notes = _values(results, full), (RANK_NOTE, *_left_out(places, full))
    table_2 = _of_backbones(values, full, "table_2", MAIN, notes)
    table_3 = _of_losses(values, full, "table_3", MAIN, notes)
    table_6 = _of_backbones(values, full, "table_6", SEGMENTS, (*notes, PAPERS_SUM))
    table_7 = _of_losses(values, full, "table_7", SEGMENTS, notes)
    return table_2, table_3, table_6, table_7


def _values(results: Results, full: Sequence[Place]) -> pd.DataFrame:
    """Return a row per place: backbone, loss, and the mean over folds of every metric."""
    of_clips = results.summary[results.summary["level"] == SAMPLE]
    means = of_clips.pivot(index="experiment", columns="metric", values="mean")
    rows = means.loc[[place.experiment for place in full]].reset_index(drop=True)
    return rows.assign(
        **{BACKBONE: [place.backbone for place in full], LOSS: [place.loss for place in full]}
    )


def _left_out(places: Sequence[Place], full: Sequence[Place]) -> tuple[str, ...]:
    left_out = [place.label for place in places if place not in full]
    return (f"Left out, for want of their counterparts: {'; '.join(left_out)}",) if left_out else ()


def _of_backbones(
    values: pd.DataFrame,
    full: Sequence[Place],
    name: str,
    metrics: Sequence[str],
    notes: Sequence[str],
) -> PaperTable:
    titles = {place.backbone: place.title for place in full}
    losses = ", ".join(dict.fromkeys(loss_title(place.loss) for place in full))
    ranks = _rank(values, metrics, of=BACKBONE, within=LOSS)
    title = f"Backbones ranked, mean over losses: {losses} (EMD paper, {_item(name)})"
    return _table(ranks, name, title, titles, notes, printed("emd", name))


def _of_losses(
    values: pd.DataFrame,
    full: Sequence[Place],
    name: str,
    metrics: Sequence[str],
    notes: Sequence[str],
) -> PaperTable:
    titles = {place.loss: loss_title(place.loss) for place in full}
    backbones = ", ".join(dict.fromkeys(place.title for place in full))
    ranks = _rank(values, metrics, of=LOSS, within=BACKBONE)
    title = f"Losses ranked, mean over backbones: {backbones} (EMD paper, {_item(name)})"
    return _table(ranks, name, title, titles, notes, {})


def _rank(values: pd.DataFrame, metrics: Sequence[str], *, of: str, within: str) -> pd.DataFrame:
    named = {metric: f"{METRIC_NAMES[metric]} rank" for metric in metrics}
    return average_ranks(values, named, of=of, within=within, smaller_is_better=SMALLER_IS_BETTER)


def _item(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _table(
    ranks: pd.DataFrame,
    name: str,
    title: str,
    titles: Mapping[str, str],
    notes: Sequence[str],
    paper: Numbers,
) -> PaperTable:
    cells: list[dict[str, Any]] = []
    for row in ranks.index:
        for column, heading in titles.items():
            beside = paper.get(row, {}).get(column, ())
            cells.append(cell(row, heading, float(ranks.loc[row, column]), paper=beside))
    digits = dict.fromkeys(titles.values(), DIGITS)
    return make_table(name, title, cells, digits, notes=notes, corner="Metric")
