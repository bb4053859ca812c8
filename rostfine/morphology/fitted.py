"""Drawn shapes cut at the edges of their picture, as masks."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float64
from numpy import ndarray
from pycocotools import mask as coco

from rostfine.morphology.contour import Patch
from rostfine.morphology.heads import Box, Rle, encode, rasterise
from rostfine.morphology.shapes import BadShapeError, Drawn

NEAR_PX: Final = 2.0
"""So far a hand may slip over the edge of a picture."""
LEAST_INSIDE: Final = 0.5
"""Share of its area that a shape which reaches further must have inside."""
FARTHEST_PX: Final = 1e6

Polygon = Float64[ndarray, "point xy"]


@dataclass(frozen=True)
class Shape:
    """A shape in its picture."""

    label: str
    group: str
    box_px: Box
    mask: Rle
    outlined: bool


@dataclass(frozen=True)
class _Cut:
    mask: Rle
    box_px: Box | None  # where a box was drawn, it is known better than by its mask
    excess_px: float
    inside: float


def fit_in(drawn: Drawn, height_px: int, width_px: int) -> tuple[Shape, str]:
    """Return a shape cut at the picture's edges, and a line if it was cut, else "".

    Raises BadShapeError for one that has no area, or lies mostly outside.
    """
    cut = (
        _cut_polygons(drawn, height_px, width_px)
        if drawn.patch is None
        else _cut_patch(drawn.patch, height_px, width_px)
    )
    size = f"{width_px}x{height_px} px"
    if cut.excess_px > NEAR_PX and cut.inside < LEAST_INSIDE:
        line = f"wanted it inside {size}, got {cut.inside:.0%} of its area there"
        raise BadShapeError("outside", line)
    if not coco.area(cut.mask):
        raise BadShapeError("zero area", "wanted an area of a pixel or more, got none")
    line = f"reaches {cut.excess_px:.3g} px out of {size}; cut there" if cut.excess_px > 0 else ""
    box_px = cut.box_px or box_of(cut.mask)
    return Shape(drawn.label, drawn.group, box_px, cut.mask, drawn.outlined), line


def box_of(mask: Rle) -> Box:
    """Return the box around a mask."""
    left, top, width, height = map(float, coco.toBbox(mask))
    return left, top, left + width, top + height


def _cut_polygons(drawn: Drawn, height_px: int, width_px: int) -> _Cut:
    empty = encode(np.zeros((height_px, width_px), bool))
    corners = np.concatenate(drawn.polygons_px)
    if not corners.size:
        return _Cut(empty, None, 0.0, 0.0)
    excess_px = float(max(-corners.min(), *(corners.max(axis=0) - (width_px, height_px))))
    if excess_px > FARTHEST_PX:
        return _Cut(empty, None, excess_px, 0.0)
    polygons = [polygon for polygon in drawn.polygons_px if len(np.unique(polygon, axis=0)) >= 3]
    if excess_px <= 0:
        inside = polygons
    else:
        inside = [_cut_polygon(polygon, height_px, width_px) for polygon in polygons]
        inside = [polygon for polygon in inside if len(polygon) >= 3]
    area = sum(map(_area, polygons))
    share = sum(map(_area, inside)) / area if area else 0.0
    mask = rasterise(tuple(inside), height_px, width_px) if inside else empty
    box_px = None if drawn.outlined or not inside else _bounds(np.concatenate(inside))
    # What has no area anywhere is told as that.
    return _Cut(mask, box_px, excess_px if area else 0.0, share)


def _bounds(corners: Polygon) -> Box:
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _area(polygon: Polygon) -> float:
    x_px, y_px = (polygon - polygon[0]).T
    return abs(float(x_px @ np.roll(y_px, -1) - y_px @ np.roll(x_px, -1))) / 2


def _cut_polygon(polygon: Polygon, height_px: int, width_px: int) -> Float64[ndarray, "kept xy"]:
    """Cut at one edge after the other, after Sutherland and Hodgman (1974)."""
    for axis, limit, sign in ((0, 0, 1), (0, width_px, -1), (1, 0, 1), (1, height_px, -1)):
        polygon = _cut_edge(polygon, sign * (polygon[:, axis] - limit))
    return polygon


def _cut_edge(
    polygon: Polygon, depth_px: Float64[ndarray, " point"]
) -> Float64[ndarray, "kept xy"]:
    """Keep what is of depth 0 or more, with the points where the depth is 0."""
    kept = []
    for at, depth_after in enumerate(depth_px):
        here, after, depth_here = polygon[at - 1], polygon[at], depth_px[at - 1]
        if (depth_here >= 0) != (depth_after >= 0):
            kept.append(here + (after - here) * depth_here / (depth_here - depth_after))
        if depth_after >= 0:
            kept.append(after)
    return np.array(kept, np.float64).reshape(-1, 2)


def _cut_patch(patch: Patch, height_px: int, width_px: int) -> _Cut:
    rows, cols = patch.pixels.shape
    left, top = patch.left_px, patch.top_px
    whole = np.zeros((height_px, width_px), bool)
    part = patch.pixels[max(-top, 0) : max(height_px - top, 0), max(-left, 0) :]
    part = part[:, : max(width_px - max(left, 0), 0)]
    whole[max(top, 0) :, max(left, 0) :][: part.shape[0], : part.shape[1]] = part
    area = int(patch.pixels.sum())
    # An edge of the patch without a pixel of its mask may be anywhere.
    seen_rows, seen_cols = np.flatnonzero(patch.pixels.any(1)), np.flatnonzero(patch.pixels.any(0))
    if not area:
        return _Cut(encode(whole), None, 0.0, 0.0)
    excess = max(
        -(left + int(seen_cols[0])),
        -(top + int(seen_rows[0])),
        left + int(seen_cols[-1]) + 1 - width_px,
        top + int(seen_rows[-1]) + 1 - height_px,
    )
    return _Cut(encode(whole), None, float(excess), float(whole.sum()) / area)
