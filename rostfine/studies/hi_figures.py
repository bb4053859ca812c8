"""Fig. 6 of the EMD paper: the histogram intersection of clips by their modal grade."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from numpy import ndarray

from rostfine.metrics import grades_by_share, hi
from rostfine.report.figures import INK, PREDICTED, TRUE, Figure, drawing
from rostfine.schemas import GRADES
from rostfine.studies.backbone_grid import LOSSES, Place, backbones_of
from rostfine.studies.results import Results


def draw_hi(results: Results, places: Sequence[Place]) -> Figure:
    """Draw a panel for each backbone (row) and loss (column): a box for each modal grade."""
    truth = results.truth.labels
    modes = grades_by_share(truth)[:, 0]
    backbones = list(backbones_of(places))
    losses = [loss for loss in LOSSES if any(place.loss == loss for place in places)]
    told = []
    with drawing("fig_6", 2.4 * len(losses) + 0.3, 1.8 * len(backbones) + 0.6) as (canvas, done):
        panels = canvas.subplots(len(backbones), len(losses), squeeze=False, sharey=True)
        for axes in panels.ravel():
            axes.set_visible(False)
        for place in places:
            axes = panels[backbones.index(place.backbone), losses.index(place.loss)]
            axes.set_visible(True)
            shared = hi(results.predictions[place.experiment], truth) * 100
            _draw_panel(axes, shared, modes)
            axes.set_title(place.label)
            told.append(f"{place.label} {shared.mean():.1f}")
        canvas.supxlabel("modal grade and its clips", fontsize=9)
        canvas.supylabel("HI (%)", fontsize=9)
    return done(
        "Histogram intersection of every clip, out of fold, by modal grade: the box from the lower "
        "to the upper quarter with the median in it, whiskers to the least and the most. Dotted: "
        f"the mean over clips: {'; '.join(told)}."
    )


def _draw_panel(
    axes: Axes, shared: Float[ndarray, " sample"], modes: Int[ndarray, " sample"]
) -> None:
    found = np.unique(modes).tolist()
    drawn = axes.boxplot(
        [shared[modes == mode] for mode in found],
        positions=found,
        widths=0.6,
        whis=(0, 100),  # codespell:ignore whis
        patch_artist=True,
        medianprops={"color": INK, "linewidth": 1.4},
        boxprops={"facecolor": TRUE, "edgecolor": INK, "linewidth": 0.8},
        whiskerprops={"color": INK, "linewidth": 0.8},
        capprops={"color": INK, "linewidth": 0.8},
    )
    for box in drawn["boxes"]:
        box.set_alpha(0.7)
    axes.axhline(shared.mean(), color=PREDICTED, linestyle=":", linewidth=1.6)
    counts = [f"{grade}\n{int((modes == mode).sum())}" for mode, grade in enumerate(GRADES)]
    axes.set_xticks(range(len(GRADES)), counts)
    axes.set(xlim=(-0.6, len(GRADES) - 0.4), ylim=(0, 100))
    axes.tick_params(labelleft=True)
    axes.grid(visible=False, axis="x")
