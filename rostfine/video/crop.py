"""Squares around a place of a picture, to a fraction of a pixel, also across the border."""

import math

import cv2
import numpy as np
from jaxtyping import Shaped

MARGIN_PX = 2
"""What interpolation may look at beyond the square."""


def cut_square(
    picture: Shaped[np.ndarray, "row col *chan"],
    x_px: float,
    y_px: float,
    *,
    cells: int,
    cell_px: float = 1.0,
) -> Shaped[np.ndarray, "{cells} {cells} *chan"]:
    """Sample `cells` x `cells` points, `cell_px` apart, whose middle is at (`x_px`, `y_px`).

    Pixel (0, 0) has its middle at (0, 0); interpolation is bilinear, and beyond the border the
    picture is continued by reflection, so that the square never moves off its place. The type of
    the values, uint8 or float32, stays.
    """
    near, left, top = _surroundings(picture, x_px, y_px, reach_px=cells * cell_px / 2)
    if cell_px == 1 and _holds(near.shape, x_px - left, y_px - top, reach_px=cells / 2):
        # The same as below, an eighth of the time.
        moved: Shaped[np.ndarray, "{cells} {cells} *chan"] = cv2.getRectSubPix(
            near, (cells, cells), (x_px - left, y_px - top)
        )
        return moved
    if cell_px >= 1.5:
        # Without this, pixels between the sampled ones would be lost instead of averaged.
        side = round(cell_px)
        near = cv2.blur(near, (side, side), borderType=cv2.BORDER_REFLECT_101)
        shift = (side - 1) / 2 - side // 2
        left, top = left + shift, top + shift
    to_first = (cells - 1) / 2 * cell_px
    from_cells = np.array(
        [[cell_px, 0, x_px - left - to_first], [0, cell_px, y_px - top - to_first]]
    )
    square: Shaped[np.ndarray, "{cells} {cells} *chan"] = cv2.warpAffine(
        near,
        from_cells,
        (cells, cells),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return square


def inside_square(
    shape: tuple[int, ...], x_px: float, y_px: float, *, size_px: int
) -> tuple[int, int, int, int]:
    """Return which part of a square around (`x_px`, `y_px`) lies inside of a picture of `shape`.

    First column and row, and those after the last; the rest of the square is reflection.
    """
    columns, rows = (
        _inside(middle_px - (size_px - 1) / 2, size_px, length)
        for middle_px, length in ((x_px, shape[1]), (y_px, shape[0]))
    )
    return columns[0], rows[0], columns[1], rows[1]


def _inside(first_px: float, size_px: int, length: int) -> tuple[int, int]:
    # Half a pixel beyond the middle of the outermost one is still the picture.
    first, end = math.ceil(-0.5 - first_px), math.floor(length - 0.5 - first_px) + 1
    return min(max(first, 0), size_px), min(max(end, 0), size_px)


def _surroundings(
    picture: Shaped[np.ndarray, "row col *chan"], x_px: float, y_px: float, *, reach_px: float
) -> tuple[Shaped[np.ndarray, "near_row near_col *chan"], float, float]:
    """Return the part of `picture` that a square touches, and its first column and row."""
    reach = math.ceil(reach_px) + MARGIN_PX
    rows, cols = picture.shape[:2]
    # A square that crosses the border sees the reflection of pixels up to its reach behind it.
    left, right = _span(x_px, reach, cols)
    top, bottom = _span(y_px, reach, rows)
    return np.ascontiguousarray(picture[top:bottom, left:right]), float(left), float(top)


def _holds(shape: tuple[int, ...], x_px: float, y_px: float, *, reach_px: float) -> bool:
    """Tell whether a square is inside of a picture of `shape`, with what interpolation looks at."""
    reach_px += MARGIN_PX / 2
    across = reach_px <= x_px <= shape[1] - 1 - reach_px
    return across and reach_px <= y_px <= shape[0] - 1 - reach_px


def _span(middle_px: float, reach: int, size: int) -> tuple[int, int]:
    first, last = math.floor(middle_px) - reach, math.ceil(middle_px) + reach
    low = 0 if first < 0 else min(first, 2 * (size - 1) - last)
    high = size - 1 if last > size - 1 else max(last, -first)
    return max(low, 0), min(high, size - 1) + 1
