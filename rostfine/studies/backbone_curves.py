"""Fig. 5 of the EMD paper: how the loss of each backbone falls, for each loss."""

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes

from rostfine.report.figures import Figure, drawing
from rostfine.studies.backbone_grid import Place, backbones_of, loss_title
from rostfine.studies.epochs import number_epochs
from rostfine.studies.results import Results

COLOURS: Final = ("#8795a5", "#c4573a", "#c79a1e", "#12897a", "#4a6fb5", "#8d5a9e")
MARKS: Final = ("o", "s", "^", "D", "v", "P")
CHOOSES, TRAINED = "valid.averaged", "train.averaged"


def draw_curves(results: Results, places: Sequence[Place]) -> Figure:
    """Draw the loss by epoch: that of the clips that choose the epoch, or else of training."""
    losses = dict.fromkeys(place.loss for place in places)
    columns = min(2, len(losses))
    rows = -(-len(losses) // columns)
    styles = {name: number for number, name in enumerate(backbones_of(places))}
    told = []
    with drawing("fig_5", 4.8 * columns, 3.0 * rows) as (canvas, done):
        panels = canvas.subplots(rows, columns, squeeze=False).ravel()
        for axes in panels[len(losses) :]:
            axes.set_axis_off()
        for axes, loss in zip(panels, losses, strict=False):
            for place in places:
                if place.loss == loss:
                    curve = curve_of(results.history(place.experiment))
                    told.append(_draw(axes, curve, place, styles[place.backbone]))
            axes.set(title=f"{loss_title(loss)} loss", ylabel="loss")
            number_epochs(axes)
            axes.legend(fontsize=8, handlelength=3.5)
    return done(_say(told))


def curve_of(history: pd.DataFrame) -> "pd.Series[float]":
    """Return the mean loss over folds by epoch, from 1; its name tells of which clips it is."""
    column = CHOOSES if CHOOSES in history else TRAINED
    curve = history.groupby("epoch")[column].mean()
    curve.index = curve.index.astype(int) + 1
    return curve


def _draw(axes: Axes, curve: "pd.Series[float]", place: Place, style: int) -> tuple[str, str]:
    """Draw a curve, its best epoch marked if clips chose it; return of which clips, and where."""
    chosen = curve.name == CHOOSES
    best = int(curve.index[int(curve.to_numpy().argmin())])
    line: dict[str, Any] = {
        "color": COLOURS[style % len(COLOURS)],
        "linestyle": "-" if chosen else "--",
        "marker": MARKS[style % len(MARKS)],
        "markevery": [best - 1] if chosen else [-1],
        "markersize": 4,
        "linewidth": 1.4,
    }
    label = f"{place.title} ({best})" if chosen else place.title
    axes.plot(curve.index.to_numpy(), curve.to_numpy(), label=label, **line)
    return str(curve.name), f"{place.label} {best}"


def _say(told: Sequence[tuple[str, str]]) -> str:
    best = [where for column, where in told if column == CHOOSES]
    parts = ["Loss by epoch, mean over folds; the paper draws that of its test clips."]
    if best:
        parts.append(
            "Solid: of the clips that choose the epoch, which are neither trained on nor predicted "
            "(under a published variant: those of the test fold); in brackets and marked the epoch "
            f"of the lowest mean: {'; '.join(best)}."
        )
    if len(best) < len(told):
        parts.append(
            "Dashed: of the clips trained on, where none choose and the last epoch, marked, is "
            "kept; how well a model generalises cannot be seen of these."
        )
    return " ".join(parts)
