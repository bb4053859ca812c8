"""How heads were learnt, how well they are found, and pictures in which they were or were not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from rostfine.morphology.average_precision import RECALLS, AveragePrecision
from rostfine.morphology.draw import Look, Pixels, annotate, colours_of
from rostfine.morphology.evaluating import MEASURED, Run
from rostfine.morphology.heads import Picture
from rostfine.morphology.matching import paired
from rostfine.morphology.measures import Classes
from rostfine.morphology.metrics import Evaluation
from rostfine.morphology.quality import MISSED, SPURIOUS
from rostfine.report.figures import INK, PREDICTED, TRUE, WORSE_THAN, Figure, drawing

CASES: Final = 6
SMALL_PX: Final = 300
"""Two pairs of pictures that have no longer side stand in a row."""
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
NORMAL: Final = {"width_to_length": 3 / 5, "ellipticity": 5 / 3}
"""Of a normal head, about."""
WORDS: Final = {
    "length": "length",
    "width_to_length": "width / length",
    "ellipticity": "ellipticity",
}


SAID: Final = {
    "worst": "The {count} {split} pictures of the least AP as published, in pairs: left as "
    "annotated, right as found, with the score of each head.",
    "right": "{count} {split} pictures in which all is right, in pairs: left as annotated, right "
    "as found, with the score of each head.",
}
ABREAST: Final = 3
"""Names of so many columns stand side by side."""
SHADE: Final[Any] = {"cmap": "BuGn", "vmin": 0, "vmax": 1.3, "linewidth": 0}
BARE: Final = Look(labels=False, enlarge_to_px=256)
SCORED: Final = Look(enlarge_to_px=256)
"""Words stay large enough for a picture of a hand's width."""


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
        _share_legend(canvas, panels[0])
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
        _share_legend(canvas, axes)
    branches = (run.chosen["valid"] or {"branches": {}})["branches"]
    said = [f"{s['label']} {branches[name]:.3f}" for name, s in SCORES.items() if name in branches]
    return done(
        f"How well {run.name} finds heads in validation pictures, by epoch. Dotted: epoch "
        f"{run.chosen['epoch'] + 1}, whose weights are kept: {', '.join(said) or 'not known'}."
    )


def draw_precision_recall(name: str, evaluation: Evaluation, classes: Classes) -> Figure:
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
    return done(
        "Are found heads as often right as their score says? On the dashed line they are, below "
        f"they are less often. The mean distance (ECE) is {evaluation.ece:.3f}."
    )


def draw_confusion(name: str, table: pd.DataFrame, by: Literal["quality", "class"]) -> Figure:
    """Draw what true heads are taken for, of a confusion of `rostfine.morphology.quality`."""
    with drawing(f"confusion_{by}_{name}", *NARROW_IN) as (canvas, done):
        _draw_table(canvas.subplots(), table)
    return done(
        f"What heads are taken for, by {by}: rows as annotated, columns as found; per cent are of "
        f"a row. {MISSED.capitalize()}: not found. {SPURIOUS.capitalize()}: found where none is."
    )


def draw_measures(name: str, measured: pd.DataFrame, classes: Classes, unit: str) -> Figure:
    """Draw measures of true heads by class, and below those of found heads against them.

    `measured` is of `measure_heads`, `unit` that of its lengths.
    """
    colours = colours_of(classes)
    with drawing(f"measures_{name}", 9.6, 5.6) as (canvas, done):
        panels = canvas.subplots(2, len(MEASURED))
        for (above, below), measure in zip(panels.T, MEASURED, strict=True):
            rows = measured[measured["measure"] == measure].dropna(subset="true")
            bins = np.histogram_bin_edges(rows["true"], bins=12) if len(rows) else 10
            for one in (name for name in classes if name in set(rows["truth"])):
                own = rows[rows["truth"] == one]
                style = {"color": colours[one], "label": one}
                above.hist(own["true"], bins=bins, alpha=0.25, **style)
                above.hist(own["true"], bins=bins, histtype="step", color=colours[one])
                below.plot(own["true"], own["measured"], ".", alpha=0.75, **style)
            word = WORDS[measure] + (f", {unit}" if measure == "length" else "")
            above.set(xlabel=word, ylabel="heads")
            below.set(xlabel=f"{word}, annotated", ylabel="found")
            _draw_aids(above, below, measure)
        _share_legend(canvas, panels[1, 0])
    return done(
        "Above: measures of annotated heads by class; dotted, about that of a normal head. Below: "
        "those of found heads against them; dashed, equality. Found less annotated, on average "
        f"[95 % limits of agreement]: {'; '.join(_agreements(measured, unit)) or 'not known'}."
    )


def choose_cases(evaluation: Evaluation, ids: Sequence[str]) -> dict[str, list[str]]:
    """Choose among pictures: the `worst`, the least published AP first, and some that are `right`.

    In the worst something is wrong: a verdict, or a head missed or found where none is.
    """
    heads = evaluation.heads
    wrong = (heads["truth"] != heads["found"]).groupby(heads["picture_id"]).sum()
    table = pd.DataFrame({"ap": evaluation.published, "wrong": wrong}).reindex(list(ids))
    table["wrong"] = table["wrong"].fillna(0)
    # Without outlines there is no AP.
    table["ap"] = table["ap"].fillna((table["wrong"] == 0).astype(float))
    is_right = (table["ap"] == 1) & (table["wrong"] == 0)
    worst = table[~is_right].sort_values(["ap", "wrong"], ascending=[True, False], kind="stable")
    right = table.index[is_right & table.index.isin(heads["picture_id"])]
    spread = np.linspace(0, len(right) - 1, min(CASES, len(right))).round().astype(int)
    return {"worst": worst.index[:CASES].tolist(), "right": right[spread].tolist()}


def draw_cases(
    run: Run,
    split: str,
    kind: Literal["worst", "right"],
    *,
    evaluation: Evaluation,
    classes: Classes,
    read_image: Callable[[Picture], Pixels],
) -> Figure | None:
    """Draw pictures of `choose_cases`, if there are any: as annotated, and beside that as found.

    Found is what is sure enough to be in use.
    """
    pairs = {pair[0].picture_id: pair for pair in paired(run.truth[split], run.sure(split))}
    chosen = [pairs[one] for one in choose_cases(evaluation, list(pairs))[kind]]
    if not chosen:
        return None
    across = 1 + all(max(true.height_px, true.width_px) <= SMALL_PX for true, _ in chosen)
    shape = max(true.height_px / true.width_px for true, _ in chosen)
    rows = -(-len(chosen) // across)
    high_in = 0.4 + rows * (0.25 + 9.6 / (2 * across) * shape)
    with drawing(f"{kind}_{run.name}", 9.6, high_in) as (canvas, done):
        panels = canvas.subplots(rows, 2 * across, squeeze=False).reshape(-1, 2)
        for axes in panels.ravel():
            axes.set_axis_off()
        for pair, (true, said) in zip(panels, chosen, strict=False):
            image = read_image(true)
            ap = evaluation.published[true.picture_id]
            told = "found" if np.isnan(ap) else f"found, AP {ap:.2f}"
            _show(pair[0], annotate(image, true.instances, classes, look=BARE), true.picture_id)
            _show(pair[1], annotate(image, said.instances, classes, look=SCORED), told)
        keys = [Patch(color=hue, label=name) for name, hue in colours_of(classes).items()]
        canvas.legend(handles=keys, loc="outside lower center", ncols=len(keys))
    return done(SAID[kind].format(split=split, count=len(chosen)))


def _term(terms: Mapping[str, Any], name: str) -> float:
    value = terms["total"] if name == "total" else terms["branches"][name]
    return float(value)


def _mark_chosen(axes: Axes, run: Run) -> None:
    axes.axvline(run.chosen["epoch"] + 1, color=INK, linewidth=0.9, linestyle=":")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _share_legend(canvas: Any, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        canvas.legend(handles, labels, loc="outside lower center", ncols=len(labels))


def _show(axes: Axes, picture: Pixels, title: str) -> None:
    axes.imshow(picture)
    axes.set_title(title, fontsize=8, fontweight="normal")


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


def _draw_aids(above: Axes, below: Axes, measure: str) -> None:
    """Draw what is normal, and equality."""
    if measure in NORMAL:
        above.axvline(NORMAL[measure], color=INK, linewidth=0.9, linestyle=":")
    above.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    if len(below.lines):
        ends = below.get_xlim()
        below.plot(ends, ends, color=INK, linewidth=0.8, linestyle=DASHED)
        below.set_xlim(ends)


def _agreements(measured: pd.DataFrame, unit: str) -> list[str]:
    said = []
    for name in MEASURED:
        rows = measured[measured["measure"] == name].dropna(subset="measured")
        gaps = rows["measured"] - rows["true"]
        if len(gaps) > 1:
            low, high = (gaps.mean() + sign * 1.96 * gaps.std() for sign in (-1, 1))
            word = WORDS[name] + (f" ({unit})" if name == "length" else "")
            said.append(f"{word} {gaps.mean():+z.2f} [{low:+z.2f}, {high:+z.2f}]")
    return said
