"""Pictures in which heads were well found, and in which they were not."""

from collections.abc import Callable, Sequence
from typing import Final, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from rostfine.morphology.draw import Look, Pixels, annotate, colours_of
from rostfine.morphology.heads import Picture
from rostfine.morphology.matching import paired
from rostfine.morphology.metrics import Evaluation
from rostfine.morphology.params import Roles
from rostfine.morphology.runs import Run
from rostfine.report.figures import Figure, drawing

CASES: Final = 6
SMALL_PX: Final = 300
"""Two pairs of pictures that have no longer side stand in a row."""
SAID: Final = {
    "worst": "The {count} {split} pictures of the least AP as published, in pairs: left as "
    "annotated, right as found, with the score of each head.",
    "right": "{count} {split} pictures in which all is right, in pairs: left as annotated, right "
    "as found, with the score of each head.",
}
BARE: Final = Look(labels=False, enlarge_to_px=256)
SCORED: Final = Look(enlarge_to_px=256)
"""Words stay large enough for a picture of a hand's width."""


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
    classes: Roles,
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


def _show(axes: Axes, picture: Pixels, title: str) -> None:
    axes.imshow(picture)
    axes.set_title(title, fontsize=8, fontweight="normal")
