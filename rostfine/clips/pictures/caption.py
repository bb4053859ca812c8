"""Where captions stand: beside their heads, and in the way of as little as can be."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

GAP_PX: Final = 4.0
SIDES: Final = ((0, -1), (0, 1), (1, 0), (-1, 0), (1, -1), (-1, -1), (1, 1), (-1, 1))
"""Across and down from the head: above, below, beside, then the corners."""

OUTSIDE: Final = 20.0
"""What a square pixel outside of the picture costs; one on a head or on words costs 1."""
TRAIL_POINT: Final = 40.0
MOVE: Final = 25.0
"""What it costs to change sides: captions that hop about cannot be read."""
FARTHER: Final = 5.0

Rect = Float64[ndarray, "4"]
"""Left, top, right, bottom."""


class Captions:
    """Places for captions from frame to frame of a picture of `size_px`, across and down.

    No caption is to be on `reserved`.
    """

    def __init__(self, size_px: tuple[int, int], reserved: Rect) -> None:
        self._width_px, self._height_px = size_px
        self._reserved = reserved
        self._chosen: dict[str, int] = {}

    def place(
        self,
        names: Sequence[str],
        *,
        heads: Float64[ndarray, "name 4"],
        sizes_px: Float64[ndarray, "name 2"],
        trails: Float64[ndarray, "point 2"],
    ) -> Float64[ndarray, "name 4"]:
        """Return a rectangle for each caption, which costs the least of those around its head."""
        taken = np.concatenate([heads, self._reserved[None]])
        for name, head, size_px in zip(names, heads, sizes_px, strict=True):
            rects = _around(head, size_px)
            cost = _area_in(rects, taken) + TRAIL_POINT * _points_in(rects, trails)
            cost += OUTSIDE * self._outside(rects) + FARTHER * (np.arange(len(rects)) // len(SIDES))
            if name in self._chosen:
                cost[np.arange(len(rects)) != self._chosen[name]] += MOVE
            best = int(cost.argmin())
            self._chosen[name] = best
            taken = np.concatenate([taken, rects[best : best + 1]])
        placed: Float64[ndarray, "name 4"] = taken[len(heads) + 1 :]
        return placed

    def _outside(self, rects: Float64[ndarray, "rect 4"]) -> Float64[ndarray, " rect"]:
        picture = np.array([[0.0, 0, self._width_px, self._height_px]])
        whole: Float64[ndarray, " rect"] = np.prod(rects[:, 2:] - rects[:, :2], axis=1)
        outside: Float64[ndarray, " rect"] = whole - _area_in(rects, picture)
        return outside


def choose_corner(
    size_px: tuple[int, int], text_px: tuple[float, float], points: Float64[ndarray, "point 2"]
) -> Rect:
    """Return that of the corners of a picture, each of `text_px`, which holds the fewest points."""
    (width, height), (wide, high) = size_px, text_px
    lefts, tops = (0, width - wide), (height - high, 0)
    corners = np.array([(x, y, x + wide, y + high) for y in tops for x in lefts], np.float64)
    corner: Rect = corners[_points_in(corners, points).argmin()]
    return corner


def _around(head: Rect, size_px: Float64[ndarray, "2"]) -> Float64[ndarray, "rect 4"]:
    """Return a rectangle of `size_px` at each side of a head, first near it, then farther away."""
    middle, reach = (head[:2] + head[2:]) / 2, (head[2:] - head[:2]) / 2 + size_px / 2
    near, far = (
        middle + np.array(SIDES) * (reach + gap_px) for gap_px in (GAP_PX, GAP_PX + size_px[1])
    )
    middles = np.concatenate([near, far])
    return np.concatenate([middles - size_px / 2, middles + size_px / 2], axis=1)


def _area_in(
    rects: Float64[ndarray, "rect 4"], others: Float64[ndarray, "other 4"]
) -> Float64[ndarray, " rect"]:
    """Return how many square pixels of each of `rects` lie in `others`."""
    first = np.maximum(rects[:, None, :2], others[:, :2])
    last = np.minimum(rects[:, None, 2:], others[:, 2:])
    area: Float64[ndarray, " rect"] = np.clip(last - first, 0, None).prod(axis=2).sum(axis=1)
    return area


def _points_in(
    rects: Float64[ndarray, "rect 4"], points: Float64[ndarray, "point 2"]
) -> Float64[ndarray, " rect"]:
    inside = (points >= rects[:, None, :2]) & (points <= rects[:, None, 2:])
    count: Float64[ndarray, " rect"] = inside.all(axis=2).sum(axis=1).astype(np.float64)
    return count
