"""Pictures of where a model looked, in the manner of the paper's figures 4, 6 and 10."""

import math
from dataclasses import dataclass
from typing import Final

import matplotlib
import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy import ndarray
from scipy.ndimage import map_coordinates

from rostfine.explain.look import Look
from rostfine.explain.sheet import SOFT, Sheet
from rostfine.report.figures import PREDICTED, STYLE, TRUE
from rostfine.schemas import GRADES

MOST_COLUMNS: Final = 8
OUTLINE: Final = "#35e6cc"
HEAT: Final = matplotlib.colormaps["inferno"]
FIRST_COLOUR: Final = 0.35
"""Of the colour map: darker ones would pass for dark parts of the picture."""
MOST_OPAQUE: Final = 0.72


@dataclass(frozen=True)
class Seen:
    """A whole stored clip, where a model looked in it, and the experts' distribution.

    `facts` are told beside the sample's name.
    """

    sample_id: str
    facts: str
    clip: UInt8[ndarray, "frame row col chan"]
    look: Look
    true: Float[ndarray, " grade"]


def draw_seen(seen: Seen) -> bytes:
    """Draw frames above their heat, with both distributions beside them, as a PNG.

    Up to 8 of the model's frames are shown, evenly picked. Heat is scaled from its least to its
    most in the whole clip, so that frames compare. The same data gives the same bytes.
    """
    look = seen.look
    count = len(look.heat)
    shown = np.linspace(0, count - 1, min(MOST_COLUMNS, count)).round().astype(int).tolist()
    frames = seen.clip[list(look.frame_numbers)]
    overlaid = lay_over(frames, strength_of(look.heat))
    with matplotlib.rc_context(
        {**STYLE, "figure.constrained_layout.use": False, "axes.grid": False}
    ):
        sheet = Sheet(rows=2, columns=len(shown))
        sheet.write_heading(seen.sample_id, seen.facts)
        sheet.write_label(0, "clip" if look.selected is None else "clip,\npatches chosen")
        sheet.write_label(1, look.method.replace(" ", "\n"))
        for column, frame in enumerate(shown):
            above = sheet.cell(0, column)
            above.imshow(frames[frame], interpolation="bicubic", aspect="auto")
            above.set_title(f"frame {look.frame_numbers[frame]}", size=9, weight="normal")
            if look.selected is not None:
                _outline(above, look.selected[frame], look.heat.shape[1], frames.shape[1:3])
            below = sheet.cell(1, column)
            below.imshow(overlaid[frame], interpolation="bicubic", aspect="auto")
        _draw_shares(sheet.panel(), seen)
        _draw_scale(sheet.foot())
        return sheet.to_png()


def strength_of(heat: Float[ndarray, "frame patch"]) -> Float[ndarray, "frame down across"]:
    """Scale heat from 0, its least in the clip, to 1, its most, and lay it on its square grid."""
    side = math.isqrt(heat.shape[1])
    scaled = (heat - heat.min()) / max(np.ptp(heat), np.finfo(heat.dtype).tiny)
    grid: Float[ndarray, "frame down across"] = scaled.reshape(len(heat), side, side)
    return grid


def lay_over(
    frames: UInt8[ndarray, "frame row col chan"], strength: Float[ndarray, "frame down across"]
) -> Float[ndarray, "frame row col chan"]:
    """Lay heat over frames, colours from 0 to 1: where it is stronger, less shows through.

    Between the middles of patches it is bilinear.
    """
    places = [
        (np.arange(pixels) + 0.5) * cells / pixels - 0.5
        for pixels, cells in zip(frames.shape[1:3], strength.shape[1:], strict=True)
    ]
    grid = np.meshgrid(*places, indexing="ij")
    smooth = np.stack([map_coordinates(one, grid, order=1, mode="nearest") for one in strength])
    return _colour(smooth, frames / 255)


def _colour(
    strength: Float[ndarray, "*place"], below: Float[ndarray, "*place chan"]
) -> Float[ndarray, "*place chan"]:
    colour = HEAT(FIRST_COLOUR + (1 - FIRST_COLOUR) * strength)[..., :3]
    opaque = MOST_OPAQUE * strength[..., None]
    coloured: Float[ndarray, "*place chan"] = (1 - opaque) * below + opaque * colour
    return coloured


def _outline(
    axes: Axes, selected: Int[ndarray, " k"], patches: int, size_px: tuple[int, ...]
) -> None:
    side = math.isqrt(patches)
    height, width = (length / side for length in size_px)
    for patch in selected:
        # Pixels have their middles at whole numbers: a frame begins at -0.5.
        corner = (patch % side * width - 0.5, patch // side * height - 0.5)
        axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=OUTLINE))


def _draw_shares(axes: Axes, seen: Seen) -> None:
    """Draw both distributions as bars, the best grade on top."""
    places = np.arange(len(GRADES))
    for shift, share, colour in ((-0.2, seen.true, TRUE), (0.2, seen.look.predicted, PREDICTED)):
        axes.barh(places + shift, share, 0.38, color=colour)
        for place, value in zip(places, share, strict=True):
            axes.text(value + 0.02, place + shift, f"{value:.2f}", va="center", size=7, color=SOFT)
    axes.set_xlim(0, 1.18)
    axes.set_ylim(len(GRADES) - 0.45, -0.55)
    axes.set_yticks(places, list(GRADES))
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    for right_pt, name, colour in ((0, "experts", TRUE), (55, "predicted", PREDICTED)):
        axes.annotate(
            name,
            (0, 1),
            (right_pt, 5),
            xycoords="axes fraction",
            textcoords="offset points",
            color=colour,
            weight="bold",
        )


def _draw_scale(axes: Axes) -> None:
    """Show the colours of least and most, as they look on a grey frame."""
    grey = np.full((1, 256, 3), 0.5)
    axes.imshow(_colour(np.linspace(0, 1, 256)[None], grey), aspect="auto")
    axes.set_axis_off()
    axes.text(0, -0.3, "least attention", transform=axes.transAxes, va="top")
    axes.text(1, -0.3, "most in this clip", transform=axes.transAxes, va="top", ha="right")
