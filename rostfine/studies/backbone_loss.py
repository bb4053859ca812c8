"""The tables and figures of the EMD paper: backbones by losses."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from rostfine.evaluation.definitions import METRIC_NAMES, SEGMENTS
from rostfine.metrics import hi
from rostfine.report.figures import Figure
from rostfine.studies.backbone_curves import draw_curves
from rostfine.studies.backbone_features import read_features, shown_place
from rostfine.studies.backbone_grid import Place, full_grid, grid_of, loss_title
from rostfine.studies.backbone_ranks import MAIN, rank_tables
from rostfine.studies.feature_space import draw_pc1, draw_space, spaces_of, sufficiency_table
from rostfine.studies.hi_figures import draw_hi
from rostfine.studies.latency import latency_table
from rostfine.studies.metric_tables import metric_tables
from rostfine.studies.output import Output
from rostfine.studies.pairs import pairs_of
from rostfine.studies.papers import Numbers, printed
from rostfine.studies.results import Results
from rostfine.studies.tables import PaperTable

TITLE: Final = "Backbones and losses (EMD paper)"


def tabulate(results: Results) -> Output:
    """Make the tables, and of experiments that were trained the figures."""
    places = grid_of(results.study)
    if not places:
        return Output(TITLE, main_tables(results, places))
    numbered = (
        *main_tables(results, places),
        *rank_tables(results, places),
        latency_table(results.study, places),
    )
    in_order = sorted(numbered, key=lambda table: table.name)
    tables = (*in_order, *pairs_tables(results, full_grid(places)))
    figures = (draw_curves(results, places), draw_hi(results, places))
    shown = shown_place(places)
    if shown is None:
        return Output(TITLE, tables, figures)
    more, drawn = _space(results, shown)
    return Output(TITLE, (*tables, more), (*figures, *drawn))


def main_tables(results: Results, places: Sequence[Place]) -> tuple[PaperTable, ...]:
    """Make Tables 1, 4 and 5."""
    rows = {place.experiment: place.label for place in places}
    whole = "Every backbone with every loss (EMD paper, Table 1)"
    mode = "Accuracy of the modal grade (EMD paper, Table 4)"
    best = "HI that the best 25, 50 and 75 % of clips reach (EMD paper, Table 5)"
    return (
        *metric_tables(results, "table_1", whole, rows, MAIN),
        *metric_tables(results, "table_4", mode, rows, ("accuracy",), printed=_accuracies(places)),
        *metric_tables(results, "table_5", best, rows, tuple(SEGMENTS)),
    )


def _accuracies(places: Sequence[Place]) -> Numbers:
    """Return the paper's Table 4 by experiment."""
    known = printed("emd", "table_4")
    return {
        place.experiment: {"accuracy": known.get(place.backbone, {}).get(place.loss, ())}
        for place in places
    }


def pairs_tables(results: Results, full: Sequence[Place]) -> tuple[PaperTable, ...]:
    """Hold every two backbones, and every two losses, against each other."""
    backbones = _mean_hi(results, full, [place.title for place in full])
    losses = _mean_hi(results, full, [loss_title(place.loss) for place in full])
    first = f"Every two backbones on the same clips, by {METRIC_NAMES['hi']}, mean over losses"
    second = f"Every two losses on the same clips, by {METRIC_NAMES['hi']}, mean over backbones"
    wanted = (("pairs_backbones", first, backbones), ("pairs_losses", second, losses))
    return tuple(
        table
        for name, title, values in wanted
        for table in pairs_of(results, name, "hi", values, title=title)
    )


def _mean_hi(
    results: Results, full: Sequence[Place], groups: Sequence[str]
) -> dict[str, Float[ndarray, " sample"]]:
    """Return the HI of every clip, by group the mean over its experiments."""
    truth = results.truth.labels
    by_group: dict[str, list[Float[ndarray, " sample"]]] = {group: [] for group in groups}
    for place, group in zip(full, groups, strict=True):
        by_group[group].append(hi(results.predictions[place.experiment], truth))
    return {group: np.mean(values, axis=0) for group, values in by_group.items()}


def _space(results: Results, shown: Place) -> tuple[PaperTable, tuple[Figure, ...]]:
    """Make the table and Figs. 7 and 8 of the features of one experiment."""
    spaces = spaces_of(read_features(results, shown.experiment), results.truth)
    table = sufficiency_table(spaces, shown.label)
    return table, (draw_space(spaces, shown.label), draw_pc1(spaces, shown.label))
