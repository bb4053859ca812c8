"""Figures of the report: SVG that takes its ink from the page, and the same as PNG."""

import base64
import html
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import matplotlib
import numpy as np
import pandas as pd
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.image import imread, imsave
from numpy import ndarray

from rostfine.evaluation.comparison import BETTER, SAMPLE, WORSE
from rostfine.evaluation.definitions import METRIC_NAMES
from rostfine.evaluation.tables import ZERO_R
from rostfine.schemas import GRADE_COLUMNS, GRADES

INK: Final = "#1c2126"
FAINT: Final = "#c9ced3"
IN_PAGE: Final[Mapping[str, str]] = {INK: "currentColor", FAINT: "var(--rule)"}
TRUE: Final = "#8795a5"
PREDICTED: Final = "#12897a"
WORSE_THAN: Final = "#c4573a"
STRIP_FRAMES: Final = 8
HEADLINE: Final = ("mse", "js", "emd")
"""The distances that the page opens with."""

STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True)
class Figure:
    """A drawn figure; `says` is what it shows, for those who do not see it."""

    name: str
    says: str
    svg_file: str
    png: bytes

    @property
    def svg(self) -> str:
        """The figure as part of a page."""
        return _inline(self.svg_file, self.says)


def draw_gaps(summary: pd.DataFrame) -> Figure:
    """Draw how far each experiment is from ZeroR in MSE, JS and EMD, with 95 % intervals."""
    models = summary[(summary["experiment"] != ZERO_R) & (summary["level"] == SAMPLE)]
    names = models["experiment"].unique()[::-1]
    with drawing("gaps", 9.6, 1.1 + 0.35 * len(names)) as (canvas, done):
        panels = canvas.subplots(1, len(HEADLINE), sharey=True, squeeze=False)[0]
        for axes, metric in zip(panels, HEADLINE, strict=True):
            _draw_gap(axes, models[models["metric"] == metric].set_index("experiment").loc[names])
            axes.set_title(f"{METRIC_NAMES[metric]} minus that of {ZERO_R}")
    rows = models[models["metric"] == "emd"].set_index("experiment")
    told = "; ".join(
        f"{name} {row['minus_zero_r']:+.4f} ({row['verdict']})" for name, row in rows.iterrows()
    )
    return done(f"Out-of-fold differences to {ZERO_R} with 95 % intervals. EMD: {told}.")


def draw_learning(
    histories: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]],
) -> Figure:
    """Draw the loss by epoch: experiment to fit (`fold_0`, ..., `final`) to its history.

    Dotted, of the clips that choose the epoch, where there are any.
    """
    columns = min(3, len(histories))
    rows = -(-len(histories) // columns)
    with drawing("learning", 9.6, 2.7 * rows) as (canvas, done):
        panels = canvas.subplots(rows, columns, squeeze=False).ravel()
        for axes in panels[len(histories) :]:
            axes.set_axis_off()
        for axes, (name, fits) in zip(panels, histories.items(), strict=False):
            for fit, records in fits.items():
                _draw_history(axes, fit, records)
            axes.set(title=name, xlabel="epoch", ylabel="loss", yscale="log")
            axes.legend()
    names = ", ".join(histories)
    return done(f"Loss by epoch of every fit of {names}; dotted: of clips that chose the epoch.")


def _draw_history(axes: Axes, fit: str, records: Sequence[Mapping[str, Any]]) -> None:
    """Draw the loss of what was trained on, and dotted of what chose, marked where it did."""
    final = fit == "final"
    style: dict[str, Any] = {
        "color": PREDICTED if final else TRUE,
        "linewidth": 1.8 if final else 0.9,
    }
    epochs = [record["epoch"] + 1 for record in records]
    label = "final" if final else ("folds" if fit == "fold_0" else None)
    axes.plot(epochs, [record["train"]["total"] for record in records], label=label, **style)
    valid = [record["valid"] for record in records]
    if all(valid):
        losses = [terms["total"] for terms in valid]
        axes.plot(epochs, losses, linestyle=":", **style)
        best = records[-1]["best"]
        if best >= 0:
            axes.plot(epochs[best], losses[best], marker="o", markersize=3, **style)


def draw_labels(labels: pd.DataFrame, predicted: Float[ndarray, "sample grade"]) -> Figure:
    """Draw modes, the mean distribution beside the mean prediction, and experts' agreement."""
    modes = labels["mode"].value_counts().reindex(list(GRADES), fill_value=0)
    places = np.arange(len(GRADES))
    with drawing("labels", 9.6, 2.6) as (canvas, done):
        left, middle, right = canvas.subplots(1, 3)
        left.bar(places, modes.to_numpy(), color=TRUE)
        left.set(title="Most chosen grade", ylabel="clips")
        mean = labels[list(GRADE_COLUMNS)].to_numpy().mean(axis=0)
        middle.bar(places - 0.2, mean, 0.4, color=TRUE, label="experts")
        middle.bar(places + 0.2, predicted.mean(axis=0), 0.4, color=PREDICTED, label="predicted")
        middle.set(title="Mean distribution", ylabel="probability")
        middle.legend()
        right.hist(labels["agreement"], bins=np.linspace(0, 1, 21).tolist(), color=TRUE)
        right.set(title="Agreement of two experts", xlabel="probability", ylabel="clips")
        for axes in (left, middle):
            axes.set_xticks(places, list(GRADES))
            axes.grid(visible=False, axis="x")
    told = ", ".join(f"{grade} {count}" for grade, count in modes.items())
    agreement = labels["agreement"].mean()
    return done(f"Clips by most chosen grade: {told}. Mean agreement {agreement:.2f}.")


def draw_expected(
    true: Float[ndarray, "sample grade"], predicted: Float[ndarray, "sample grade"]
) -> Figure:
    """Draw the expected grade (A = 0 .. E = 4) of each clip, predicted against experts'."""
    places = np.arange(len(GRADES))
    wanted, found = true @ places, predicted @ places
    with drawing("expected", 4.6, 4.2) as (canvas, done):
        axes = canvas.subplots()
        axes.plot([0, 4], [0, 4], color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.scatter(wanted, found, s=14, color=PREDICTED, alpha=0.55, linewidths=0)
        axes.set(xlabel="expected grade, experts", ylabel="expected grade, predicted")
        axes.set_xticks(places, list(GRADES))
        axes.set_yticks(places, list(GRADES))
        axes.set_aspect("equal")
    off = np.abs(wanted - found).mean()
    return done(f"Expected grade, predicted against experts': {off:.2f} grades apart on average.")


def draw_scores(score: Float[ndarray, " frame"]) -> str:
    """Draw how well a sperm was recognised in each frame, as a small SVG line."""
    width, height = 120.0, 32.0
    x = np.linspace(2, width - 2, len(score))
    y = height - 2 - np.clip(score, 0, 1) * (height - 4)
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" class="spark" role="img" '
        f'aria-label="score by frame, lowest {score.min():.2f}">'
        f'<path d="M2 2H{width - 2:g}M2 {height - 2:g}H{width - 2:g}"/>'
        f'<polyline points="{line}"/></svg>'
    )


def make_strip(frames: UInt8[ndarray, "frame row col chan"]) -> str:
    """Return evenly picked frames side by side, as the URI of an image."""
    picked = np.linspace(0, len(frames) - 1, min(STRIP_FRAMES, len(frames))).round().astype(int)
    return as_uri(np.concatenate(list(frames[picked]), axis=1))


def embed_picture(png: bytes) -> str:
    """Return a PNG as the URI of an image a third as large."""
    return as_uri(imread(io.BytesIO(png), format="png")[..., :3])


def as_uri(picture: ndarray) -> str:
    """Return a picture as a data URI, for a page that needs no other file."""
    image = io.BytesIO()
    imsave(image, picture, format="jpg", pil_kwargs={"quality": 85})
    return f"data:image/jpeg;base64,{base64.b64encode(image.getvalue()).decode()}"


def _draw_gap(axes: Axes, rows: pd.DataFrame) -> None:
    axes.axvline(0, color=INK, linewidth=0.9)
    for place, (_, row) in enumerate(rows.iterrows()):
        limits = [row["minus_zero_r_low"], row["minus_zero_r_high"]]
        color = {BETTER: PREDICTED, WORSE: WORSE_THAN}.get(row["verdict"], TRUE)
        axes.plot(limits, [place, place], color=color, linewidth=2.2, solid_capstyle="butt")
        axes.plot([row["minus_zero_r"]], [place], "o", color=color, markersize=5.5)
    axes.set_yticks(range(len(rows)), list(rows.index))
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.grid(visible=False, axis="y")
    axes.locator_params(axis="x", nbins=5)


@contextmanager
def drawing(
    name: str, width_in: float, height_in: float
) -> Iterator[tuple[Canvas, Callable[[str], Figure]]]:
    """Yield a canvas to draw on, and what turns it into a Figure once the block is left."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        canvas = Canvas(figsize=(width_in, height_in))
        written = dict[str, bytes]()

        def done(says: str) -> Figure:
            return Figure(name, says, written["svg"].decode(), written["png"])

        yield canvas, done
        for kind, options in (("svg", {"transparent": True}), ("png", {"dpi": 160})):
            image = io.BytesIO()
            # Without its date a figure of the same data is the same file.
            metadata = {"Date": None} if kind == "svg" else {"Software": None}
            canvas.savefig(image, format=kind, metadata=metadata, **options)
            written[kind] = image.getvalue()


def _inline(svg: str, says: str) -> str:
    """Make an SVG file part of a page: no prologue, no doubled ids, the page's own ink."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    for colour, name in IN_PAGE.items():
        svg = svg.replace(colour, name)
    svg = re.sub(r' (width|height)="[^"]*pt"', "", svg, count=2)
    return svg.replace("<svg", f'<svg role="img" aria-label="{html.escape(says)}"', 1)
