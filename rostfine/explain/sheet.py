"""A sheet of square pictures in rows and columns, with panels beside them."""

import io
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

DOTS_PER_INCH: Final = 210
"""Twice what a page 1088 px wide shows of the sheet."""

WIDTH_IN: Final = 10.4
LABEL_IN: Final = 0.4
TOP_IN: Final = 0.64
LEAST_PANEL_IN: Final = 2.0
GAP_IN: Final = 0.06
MARGIN_IN: Final = 0.2
FOOT_IN: Final = 0.6
BAR_IN: Final = 0.14
MOST_SIDE_IN: Final = 2.4
"""Of a cell: a clip of one frame would else fill the page."""
SOFT: Final = "#5c6670"


class Sheet:
    """Where things stand, in inches from the left and from the top."""

    def __init__(self, *, rows: int, columns: int) -> None:
        free_in = WIDTH_IN - LABEL_IN - MARGIN_IN - LEAST_PANEL_IN - columns * GAP_IN
        self._side_in = min(free_in / columns, MOST_SIDE_IN)
        self._right_in = LABEL_IN + columns * (self._side_in + GAP_IN)
        self._height_in = TOP_IN + rows * (self._side_in + GAP_IN) + GAP_IN
        self._figure = Figure(figsize=(WIDTH_IN, self._height_in))

    def cell(self, row: int, column: int) -> Axes:
        """Return bare axes for a picture."""
        left_in = LABEL_IN + column * (self._side_in + GAP_IN)
        axes = self._axes(left_in, self._top_in(row), self._side_in, self._side_in)
        axes.set_axis_off()
        return axes

    def panel(self) -> Axes:
        """Return axes to the right of all rows, above the foot."""
        return self._beside(TOP_IN, self._height_in - FOOT_IN)

    def foot(self) -> Axes:
        """Return the axes of a bar below the panel, with room for a line below it."""
        bottom_in = self._height_in - 0.3
        return self._beside(bottom_in - BAR_IN, bottom_in)

    def write_heading(self, title: str, facts: str) -> None:
        """Write the title on the left, and what is softly told of it on the right."""
        y = self._y(0.22)
        write = self._figure.text
        write(self._x(LABEL_IN), y, title, weight="bold", size=12, va="center")
        write(self._x(WIDTH_IN - GAP_IN), y, facts, color=SOFT, ha="right", va="center")

    def write_label(self, row: int, name: str) -> None:
        """Write upwards along a row."""
        middle = self._y(self._top_in(row) + self._side_in / 2)
        self._figure.text(
            self._x(LABEL_IN / 2), middle, name, rotation=90, ha="center", va="center", size=8
        )

    def to_png(self) -> bytes:
        """Return the sheet as a file."""
        image = io.BytesIO()
        # Without the name of its maker a picture of the same data is the same file.
        self._figure.savefig(image, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
        return image.getvalue()

    def _axes(self, left_in: float, top_in: float, width_in: float, height_in: float) -> Axes:
        bottom = self._y(top_in + height_in)
        return self._figure.add_axes(
            (self._x(left_in), bottom, self._x(width_in), height_in / self._height_in)
        )

    def _beside(self, top_in: float, bottom_in: float) -> Axes:
        left_in = self._right_in + MARGIN_IN
        return self._axes(left_in, top_in, WIDTH_IN - GAP_IN - left_in, bottom_in - top_in)

    def _top_in(self, row: int) -> float:
        return TOP_IN + row * (self._side_in + GAP_IN)

    def _x(self, inches: float) -> float:
        return inches / WIDTH_IN

    def _y(self, inches: float) -> float:
        return 1 - inches / self._height_in
