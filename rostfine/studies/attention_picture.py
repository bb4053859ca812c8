"""Clips with the attention of several models laid over, row under row."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import matplotlib
import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray

from rostfine.explain.look import Look
from rostfine.explain.pictures import lay_over, strength_of
from rostfine.report.figures import STYLE

DOTS_PER_INCH: Final = 200
MOST_COLUMNS: Final = 9
LABEL_IN: Final = 1.05
MOST_SIDE_IN: Final = 1.5
WIDTH_IN: Final = 10.4
GAP_IN: Final = 0.05
HEAD_IN: Final = 0.5
BETWEEN_IN: Final = 0.25
FOOT_IN: Final = 0.5


@dataclass(frozen=True)
class LookedAt:
    """A whole stored clip, what is told beside its name, and where each model looked in it."""

    sample_id: str
    fact: str
    clip: UInt8[ndarray, "frame row col chan"]
    looks: Mapping[str, Look]


class _Grid:
    """Where bands of clips stand, in inches from the left and from the top."""

    def __init__(self, *, clips: int, rows: int, columns: int) -> None:
        self._columns = columns
        self._abreast = min(clips, max(1, MOST_COLUMNS // columns))
        across = self._abreast * columns
        free_in = WIDTH_IN - LABEL_IN - self._abreast * BETWEEN_IN - across * GAP_IN
        self._side_in = min(free_in / across, MOST_SIDE_IN)
        self._step_in = self._side_in + GAP_IN
        self._band_in = HEAD_IN + rows * self._step_in
        bands = -(-clips // self._abreast)
        width_in = LABEL_IN + self._abreast * (columns * self._step_in + BETWEEN_IN)
        self._size_in = (width_in, bands * self._band_in + FOOT_IN)
        self.figure = Figure(figsize=self._size_in)

    def cell(self, clip: int, row: int, column: int) -> Axes:
        left_in, top_in = self._corner(clip)
        left_in += column * self._step_in
        top_in += HEAD_IN + row * self._step_in
        axes = self._axes(left_in, top_in, self._side_in, self._side_in)
        axes.set_axis_off()
        return axes

    def is_first(self, clip: int) -> bool:
        """Whether a clip stands at the left, where rows have their names."""
        return clip % self._abreast == 0

    def write_heading(self, clip: int, text: str) -> None:
        left_in, top_in = self._corner(clip)
        self.figure.text(
            left_in / self._size_in[0], self._y(top_in + 0.15), text, weight="bold", va="center"
        )

    def foot(self) -> Axes:
        return self._axes(LABEL_IN, self._size_in[1] - FOOT_IN + 0.1, 2.0, 0.14)

    def _corner(self, clip: int) -> tuple[float, float]:
        band, place = divmod(clip, self._abreast)
        width_in = self._columns * self._step_in + BETWEEN_IN
        return LABEL_IN + place * width_in, band * self._band_in

    def _axes(self, left_in: float, top_in: float, width_in: float, height_in: float) -> Axes:
        across_in, down_in = self._size_in
        bottom = self._y(top_in + height_in)
        return self.figure.add_axes(
            (left_in / across_in, bottom, width_in / across_in, height_in / down_in)
        )

    def _y(self, inches: float) -> float:
        return 1 - inches / self._size_in[1]


def draw_looks(
    seen: Sequence[LookedAt], rows: Mapping[str, str], frame_numbers: Sequence[int]
) -> bytes:
    """Draw frames of each clip, and below them the attention of each of `rows`, as a PNG.

    `rows` are models by what they are called; each must have been given these frames. Heat is
    scaled from its least to its most in what a model saw of a clip, so that frames compare.
    """
    with matplotlib.rc_context(
        {**STYLE, "figure.constrained_layout.use": False, "axes.grid": False}
    ):
        grid = _Grid(clips=len(seen), rows=1 + len(rows), columns=len(frame_numbers))
        for at, one in enumerate(seen):
            grid.write_heading(at, f"{one.sample_id}, {one.fact}")
            for column, number in enumerate(frame_numbers):
                axes = grid.cell(at, 0, column)
                axes.imshow(one.clip[number], interpolation="bicubic", aspect="auto")
                axes.set_title(f"frame {number}", size=8, weight="normal", pad=3)
                _name(axes, "clip", first=grid.is_first(at) and not column)
            for row, (name, label) in enumerate(rows.items(), 1):
                overlaid = _overlaid(one, one.looks[name], frame_numbers)
                for column, picture in enumerate(overlaid):
                    axes = grid.cell(at, row, column)
                    axes.imshow(picture, interpolation="bicubic", aspect="auto")
                    _name(axes, label, first=grid.is_first(at) and not column)
        _draw_scale(grid.foot())
        image = io.BytesIO()
        grid.figure.savefig(image, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
        return image.getvalue()


def _overlaid(one: LookedAt, look: Look, frame_numbers: Sequence[int]) -> ndarray:
    places = [look.frame_numbers.index(number) for number in frame_numbers]
    return lay_over(one.clip[list(frame_numbers)], strength_of(look.heat)[places])


def _name(axes: Axes, label: str, *, first: bool) -> None:
    """Write what a row is to the left of its first picture."""
    if first:
        axes.text(-0.06, 0.5, label, transform=axes.transAxes, ha="right", va="center", size=8)


def _draw_scale(axes: Axes) -> None:
    """Show the colours of least and most, as they look on a grey frame."""
    grey = np.full((1, 1, 256, 3), 127, dtype=np.uint8)
    axes.imshow(lay_over(grey, np.linspace(0, 1, 256)[None, None])[0], aspect="auto")
    axes.set_axis_off()
    axes.text(0, -0.4, "least attention", transform=axes.transAxes, va="top", size=8)
    axes.text(1, -0.4, "most in a row", transform=axes.transAxes, va="top", ha="right", size=8)
