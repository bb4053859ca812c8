"""What the page of tracks draws: its histograms, and the frames of its clips."""

from typing import Final

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator
from numpy import ndarray

from rostfine.clips.pictures.trails import BEYOND
from rostfine.clips.store import Clip
from rostfine.report.figures import TRUE, Figure, drawing

SIZE_IN: Final = (4.7, 2.6)


def draw_lowest(score: Float[ndarray, " sample"]) -> Figure:
    """Draw how many usable clips have which lowest score."""
    with drawing("lowest_scores", *SIZE_IN) as (canvas, done):
        axes = _count(canvas, score, np.linspace(0, 1, 41))
        axes.set(title="Lowest score in the clip", xlabel="score", xlim=(0, 1))
    return done(
        f"Lowest scores of {len(score)} usable clips: median {np.median(score):.2f}, "
        f"the worst {score.min():.2f}."
    )


def draw_speeds(speed: Float[ndarray, " known"], unit: str) -> Figure:
    """Draw how many usable clips have which speed."""
    with drawing("speeds", *SIZE_IN) as (canvas, done):
        axes = _count(canvas, speed, np.linspace(0, max(float(speed.max()), 1), 31))
        axes.set(title="Speed along the path", xlabel=unit)
        axes.set_xlim(left=0)
    return done(
        f"Speeds of {len(speed)} usable clips: median {np.median(speed):.0f} {unit}, "
        f"the highest {speed.max():.0f} {unit}."
    )


def _count(
    canvas: Canvas, values: Float[ndarray, " value"], edges: Float[ndarray, " edge"]
) -> Axes:
    axes = canvas.subplots()
    axes.hist(values, bins=edges.tolist(), color=TRUE)
    axes.set_ylabel("clips")
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return axes


def crop_middles(clip: Clip, view_px: int) -> UInt8[ndarray, "frame {view_px} {view_px} 3"]:
    """Return the middle of each frame, blank beyond the border of the video.

    What is reflected there would pass for a neighbour.
    """
    first = (clip.frames.shape[1] - view_px) // 2
    middle = (slice(None), slice(first, first + view_px), slice(first, first + view_px))
    shown = clip.frames[middle].copy()
    shown[~clip.mask[middle]] = BEYOND
    return shown
