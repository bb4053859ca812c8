"""How heads were learnt, and how well they are found."""

import math
from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rostfine.morphology.average_precision import RECALLS, AveragePrecision
from rostfine.morphology.draw import colours_of
from rostfine.morphology.metrics import Evaluation
from rostfine.morphology.params import Roles
from rostfine.morphology.quality import MISSED, SPURIOUS
from rostfine.morphology.runs import Run
from rostfine.report.figures import INK, PREDICTED, TRUE, WORSE_THAN, Figure, drawing

NARROW_IN: Final = (3.6, 3.3)
"""Three stand in a row of the page."""
DASHED: Final = (0, (4, 3))
TERMS: Final[Mapping[str, str]] = {
    "total": "Total",
    "class": "Class",
    "box": "Box",
    "mask": "Mask",
    "rpn_class": "Proposals: head or not",
    "rpn_box": "Proposals: box",
}
SCORES: Final[Mapping[str, Mapping[str, Any]]] = {
    "published_map": {"label": "mAP as published", "color": PREDICTED, "linewidth": 1.8},
    "mask_ap": {"label": "AP of masks", "color": WORSE_THAN, "linewidth": 1.8},
    "mask_ap50": {"label": "AP50 of masks", "color": TRUE},
    "mask_ap75": {"label": "AP75 of masks", "color": TRUE, "linestyle": DASHED},
    "box_ap": {"label": "AP of boxes", "color": INK, "linestyle": ":"},
}
ABREAST: Final = 3
"""Names of so many columns stand side by side."""
SHADE: Final[Any] = {"cmap": "BuGn", "vmin": 0, "vmax": 1.3, "linewidth": 0}


def draw_losses(run: Run) -> Figure:
    """Draw the loss and its five terms by epoch, a panel each."""
    with drawing(f"losses_{run.name}", 9.6, 4.6) as (canvas, done):
        panels = canvas.subplots(2, 3).ravel()
        for axes, (term, title) in zip(panels, TERMS.items(), strict=True):
            for side, style in (("train", {"color": TRUE}), ("valid", {"color": PREDICTED})):
                known = [record for record in run.history if record[side]]
                values = [_term(record[side], term) for record in known]
                label = {"train": "training", "valid": "validation"}[side]
                epochs = [record["epoch"] + 1 for record in known]
                axes.plot(epochs, values, label=label, **style)
            _mark_chosen(axes, run)
            axes.set_title(title)
            axes.set_ylim(bottom=0)
        share_legend(canvas, panels[0])
    chosen = run.chosen
    said = f"training {chosen['train']['total']:.3f}"
    if chosen["valid"]:
        said += f", validation {chosen['valid']['total']:.3f}"
    return done(
        f"Loss of {run.name} by epoch, and the five terms of which it is the sum. Dotted: epoch "
        f"{chosen['epoch'] + 1}, whose weights are kept; its loss is {said}."
    )


def draw_scores(run: Run) -> Figure:
    """Draw the average precisions on validation pictures by epoch."""
    known = [record for record in run.history if record["valid"]]
    with drawing(f"scores_{run.name}", 9.6, 3.4) as (canvas, done):
        axes = canvas.subplots()
        for name, style in SCORES.items():
            scores = [record["valid"]["branches"].get(name, np.nan) for record in known]
            if not np.isnan(scores).all():
                axes.plot([record["epoch"] + 1 for record in known], scores, **style)
        _mark_chosen(axes, run)
        axes.set(ylim=(0, 1.02), ylabel="on validation pictures")
        share_legend(canvas, axes)
    branches = (run.chosen["valid"] or {"branches": {}})["branches"]
    said = [f"{s['label']} {branches[name]:.3f}" for name, s in SCORES.items() if name in branches]
    return done(
        f"How well {run.name} finds heads in validation pictures, by epoch. Dotted: epoch "
        f"{run.chosen['epoch'] + 1}, whose weights are kept: {', '.join(said) or 'not known'}."
    )


def draw_precision_recall(name: str, evaluation: Evaluation, classes: Roles) -> Figure:
    """Draw the precision of each class by recall, at IoU 0.5."""
    colours, kind, found = colours_of(classes), *_outlines(evaluation)
    with drawing(f"precision_recall_{name}", *NARROW_IN) as (canvas, done):
        axes = canvas.subplots()
        for place, one in enumerate(found.classes):
            if not np.isnan(found.ap50[place]):
                label = f"{one}, AP50 {found.ap50[place]:.3f}"
                axes.plot(RECALLS, found.precision50[place], color=colours[one], label=label)
        axes.set(xlim=(0, 1.01), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
        if axes.lines:
            axes.legend(loc="lower left")
    return done(
        f"Precision by recall of {kind} at IoU 0.5: of what is found, the share that is right; and "
        "of what is there, the share that is found, as the score that is asked for falls."
    )


def draw_reliability(name: str, evaluation: Evaluation) -> Figure:
    """Draw how often found heads are right by their score, and how many have it."""
    table = evaluation.reliability
    middles = (table["low"] + table["high"]) / 2
    with drawing(f"reliability_{name}", *NARROW_IN) as (canvas, done):
        above, below = canvas.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        above.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=DASHED)
        above.plot(table["confidence"], table["accuracy"], "o-", color=PREDICTED, markersize=4)
        above.set(xlim=(0, 1.01), ylim=(0, 1.02), ylabel="share that is right")
        below.bar(middles, table["heads"], width=0.09, color=TRUE)
        below.set(xlabel="score of a found head", ylabel="heads")
        below.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    told = f"{evaluation.ece:.3f}" if math.isfinite(evaluation.ece) else "not known"
    return done(
        "Are found heads as often right as their score says? On the dashed line they are, below "
        f"they are less often. The mean distance (ECE) is {told}."
    )


def draw_confusion(name: str, table: pd.DataFrame, by: Literal["quality", "class"]) -> Figure:
    """Draw what true heads are taken for, of a confusion of `rostfine.morphology.quality`."""
    with drawing(f"confusion_{by}_{name}", *NARROW_IN) as (canvas, done):
        _draw_table(canvas.subplots(), table)
    return done(
        f"What heads are taken for, by {by}: rows as annotated, columns as found; per cent are of "
        f"a row. {MISSED.capitalize()}: not found. {SPURIOUS.capitalize()}: found where none is."
    )


def share_legend(canvas: Any, axes: Axes) -> None:
    """Give panels one legend, below them all: that of these axes, if it has any."""
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        canvas.legend(handles, labels, loc="outside lower center", ncols=len(labels))


def _term(terms: Mapping[str, Any], name: str) -> float:
    value = terms["total"] if name == "total" else terms["branches"][name]
    return float(value)


def _mark_chosen(axes: Axes, run: Run) -> None:
    axes.axvline(run.chosen["epoch"] + 1, color=INK, linewidth=0.9, linestyle=":")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _outlines(evaluation: Evaluation) -> tuple[str, AveragePrecision]:
    """Return masks, or boxes where nobody outlined a head."""
    if np.isnan(evaluation.masks.ap50).all():
        return "boxes", evaluation.boxes
    return "masks", evaluation.masks


def _draw_table(axes: Axes, table: pd.DataFrame) -> None:
    counts = table.to_numpy(np.float64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shares[table.index == SPURIOUS] = 0  # of no number of heads
    axes.pcolormesh(np.arange(len(shares.T)), np.arange(len(shares)), shares, **SHADE)
    axes.invert_yaxis()
    for row, truth in enumerate(table.index):
        for column, found in enumerate(table.columns):
            if (truth, found) != (SPURIOUS, MISSED):
                text = f"{counts[row, column]:.0f}"
                if truth != SPURIOUS and counts[row].any():
                    text += f"\n{shares[row, column]:.0%}"
                axes.text(column, row, text, ha="center", va="center", color="#1c2127")
    slant: dict[str, Any] = {"rotation": 30, "ha": "right"} if len(table.columns) > ABREAST else {}
    axes.set_xticks(range(len(table.columns)), list(table.columns), **slant)
    axes.set_yticks(range(len(table)), list(table.index))
    axes.set(xlabel="found", ylabel="annotated")
    axes.grid(visible=False)
    axes.tick_params(length=0)
