"""Figs. 7 and 8 and eq. 8 of the EMD paper: where clips lie among features, and if they suffice.

Each fold has a model of its own, and so a space of its own: components are taken within a fold,
and then laid together, their signs such that both rise with the experts' mean grade.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float, Float32, Int
from matplotlib.axes import Axes
from numpy import ndarray
from scipy.stats import norm

from rostfine.evaluation.sufficiency import (
    Sufficiency,
    principal_components,
    samples_needed,
    sufficiency,
)
from rostfine.evaluation.tables import Truth
from rostfine.metrics import grades_by_share
from rostfine.report.figures import INK, TRUE, WORSE_THAN, Figure, drawing
from rostfine.schemas import GRADES
from rostfine.studies.papers import printed
from rostfine.studies.tables import PaperTable, cell, make_table

ALL: Final = "All folds"
GRADE_COLOURS: Final = ("#2b5fb0", "#4ba3c3", "#9a9a9a", "#e08b4c", "#b8312f")
"""From A, blue, to E, red, as in the paper."""
COLUMNS: Final[Mapping[str, tuple[str, int]]] = {
    "clips": ("Clips", 0),
    "pc1": ("PC1 (% of variance)", 0),
    "pc2": ("PC2 (% of variance)", 1),
    "mean": ("Mean of log PC1", 2),
    "sd": ("sd of log PC1", 2),
    "half_width": ("Half-width of its mean (eq. 8)", 3),
}
NOTES: Final = (
    "Components of the features of held-out clips, within each fold, whose model was not trained "
    "on them; all folds: these laid together, the shares of variance averaged",
    "A bias makes the smallest PC1 1 before its logarithm is taken; the paper does not say its own",
    "Eq. 8 takes clips for independent: of clips that share patients the half-width is larger",
)


@dataclass(frozen=True)
class Space:
    """Clips on the first two components of their features.

    `shares` are those of the variance, by component; `modes` the modal grades, A is 0.
    """

    components: Float[ndarray, "clip 2"]
    shares: Float[ndarray, " 2"]
    modes: Int[ndarray, " clip"]


def spaces_of(features: Sequence[Float32[ndarray, "_clip _dim"]], truth: Truth) -> dict[str, Space]:
    """Return the space of each fold, given the features of its clips, and that of all."""
    spaces = {}
    for fold, found in zip(np.unique(truth.folds).tolist(), features, strict=True):
        labels = truth.labels[truth.folds == fold]
        components, shares = principal_components(found)
        grades = labels @ np.arange(len(GRADES))
        rising = np.where((grades - grades.mean()) @ components < 0, -1.0, 1.0)
        modes = grades_by_share(labels)[:, 0]
        spaces[f"Fold {fold}"] = Space(components * rising, shares, modes)
    every = list(spaces.values())
    return {
        **spaces,
        ALL: Space(
            np.concatenate([space.components for space in every]),
            np.mean([space.shares for space in every], axis=0),
            np.concatenate([space.modes for space in every]),
        ),
    }


def sufficiency_table(spaces: Mapping[str, Space], of: str) -> PaperTable:
    """Make a table of eq. 8 for each space; `of` says whose features they are."""
    paper = printed("emd", "sufficiency")["all"]
    share = paper["half_width"][0] / paper["mean"][0]
    needed = f"Clips for a half-width of {share:.1%} of the mean, as the paper's"
    cells: list[dict[str, Any]] = []
    for row, space in spaces.items():
        found = sufficiency(space.components[:, 0])
        percent = (space.shares * 100).tolist()
        values = [len(space.modes), *percent, found.mean, found.sd, found.half_width]
        for (key, (heading, _)), value in zip(COLUMNS.items(), values, strict=True):
            cells.append(cell(row, heading, float(value), paper=paper[key] if row == ALL else ()))
        cells.append(cell(row, needed, float(samples_needed(found.sd, share * found.mean))))
    digits = {**dict(COLUMNS.values()), needed: 0}
    title = f"Are there clips enough? Features of {of} (EMD paper, appendix A)"
    return make_table("sufficiency", title, cells, digits, notes=NOTES, corner="Held out")


def draw_space(spaces: Mapping[str, Space], of: str) -> Figure:
    """Draw Fig. 7: the clips of each fold on two components, coloured by modal grade."""
    folds = {name: space for name, space in spaces.items() if name != ALL}
    columns = min(3, len(folds))
    rows = -(-len(folds) // columns)
    with drawing("fig_7", 3.2 * columns + 0.8, 3.0 * rows) as (canvas, done):
        panels = canvas.subplots(rows, columns, squeeze=False).ravel()
        for axes in panels[len(folds) :]:
            axes.set_axis_off()
        for axes, (name, space) in zip(panels, folds.items(), strict=False):
            _draw_grades(axes, space)
            pc1, pc2 = space.shares * 100
            axes.set(title=name, xlabel=f"PC1 ({pc1:.0f} %)", ylabel=f"PC2 ({pc2:.0f} %)")
        canvas.legend(
            panels[0].collections, list(GRADES), title="modal grade", loc="outside right center"
        )
    told = ", ".join(f"{name} {space.shares[0]:.0%}" for name, space in folds.items())
    return done(
        f"Features of {of}: clips of each held-out fold on the first two principal components of "
        f"its own model. PC1's share of the variance: {told}. Both rise with the mean grade, from "
        "A to E."
    )


def draw_pc1(spaces: Mapping[str, Space], of: str) -> Figure:
    """Draw Fig. 8: PC1 of all folds with its bias, and the logarithm with the normal curve."""
    pc1 = spaces[ALL].components[:, 0]
    found = sufficiency(pc1)
    with drawing("fig_8", 9.6, 3.2) as (canvas, done):
        left, right = canvas.subplots(1, 2)
        left.hist(pc1 + found.bias, bins=_bins(len(pc1)), color=TRUE)
        left.set(title="(a)", xlabel="PC1 + bias", ylabel="clips")
        _draw_log(right, found)
        right.set(title="(b)", xlabel="log (PC1 + bias)", ylabel="clips")
        right.legend()
    return done(
        f"PC1 of the features of {of}, all held-out clips: (a) with a bias of {found.bias:.2f}, "
        f"(b) its logarithm, with mean {found.mean:.2f} and standard deviation {found.sd:.2f}, and "
        f"the normal curve of these. The mean is known to ± {found.half_width:.3f} (eq. 8)."
    )


def _draw_grades(axes: Axes, space: Space) -> None:
    for mode, colour in enumerate(GRADE_COLOURS):
        clips = space.components[space.modes == mode]
        axes.scatter(clips[:, 0], clips[:, 1], s=16, color=colour, alpha=0.8, linewidths=0)


def _draw_log(axes: Axes, found: Sufficiency) -> None:
    counts, edges, _ = axes.hist(found.log_pc1, bins=_bins(len(found.log_pc1)), color=TRUE)
    spread = np.linspace(found.mean - 3.5 * found.sd, found.mean + 3.5 * found.sd, 200)
    curve = norm.pdf(spread, found.mean, found.sd) * len(found.log_pc1) * (edges[1] - edges[0])
    axes.plot(spread, curve, color=WORSE_THAN, linewidth=1.8, label="normal")
    axes.axvline(found.mean, color=INK, linestyle=":", label="mean")


def _bins(clips: int) -> int:
    return int(np.clip(round(clips**0.5 * 1.5), 5, 40))
