"""Measures of heads as annotated, and of the same heads as found."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rostfine.morphology.draw import colours_of
from rostfine.morphology.figures import DASHED, share_legend
from rostfine.morphology.measured import MEASURED
from rostfine.morphology.params import Roles
from rostfine.report.figures import INK, Figure, drawing

NORMAL: Final = {"width_to_length": 3 / 5, "ellipticity": 5 / 3}
"""Of a normal head, about."""
WORDS: Final = {
    "length": "length",
    "width_to_length": "width / length",
    "ellipticity": "ellipticity",
}


def draw_measures(name: str, measured: pd.DataFrame, classes: Roles, unit: str) -> Figure:
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
        share_legend(canvas, panels[1, 0])
    return done(
        "Above: measures of annotated heads by class; dotted, about that of a normal head. Below: "
        "those of found heads against them; dashed, equality. Found less annotated, on average "
        f"[95 % limits of agreement]: {'; '.join(_agreements(measured, unit)) or 'not known'}."
    )


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
