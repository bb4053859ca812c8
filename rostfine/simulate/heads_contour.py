"""Outlines of heads: their area and middle, their front, and what is within.

Head coordinates: the tip of a head is at +x, its neck at -x, the middle of its area at (0, 0).
"""

import math
from typing import Final

import numpy as np
from jaxtyping import Float64

Polygon = Float64[np.ndarray, "_ xy"]
"""Points, each its x and y; a polygon ends where it begins, without saying so."""
Along = Float64[np.ndarray, "_"]

EDGE_POINTS: Final = 13
EDGE_BEND: Final = 0.12
"""How much the acrosome's edge is bent, per um."""
HALVINGS: Final = 14
INSIDE: Final = 0.88
"""How far out, of the way to the outline, is still well inside."""


def area(polygon: Polygon) -> float:
    """Return what a polygon encloses."""
    x, y = np.concatenate([polygon, polygon[:1]]).T
    return float(abs(x[:-1] @ y[1:] - x[1:] @ y[:-1]) / 2)


def middle(polygon: Polygon) -> Float64[np.ndarray, " xy"]:
    """Return the middle of the area of a polygon."""
    after = np.roll(polygon, -1, axis=0)
    cross = polygon[:, 0] * after[:, 1] - after[:, 0] * polygon[:, 1]
    place: Float64[np.ndarray, " xy"] = cross @ (polygon + after) / (3 * cross.sum())
    return place


def cap(outline: Polygon, share: float, *, tilt: float) -> Polygon:
    """Return the front of a head, behind which runs a bent and tilted edge.

    The edge is moved back until the cap has its share of the head's area.
    """
    x, y = outline.T
    level = x - _edge(y, tilt)
    wanted = share * area(outline)
    back, front = float(level.min()), float(level.max())
    for _ in range(HALVINGS):
        edge_um = (back + front) / 2
        if area(_before(outline, level, edge_um, tilt)) > wanted:
            back = edge_um
        else:
            front = edge_um
    return _before(outline, level, front, tilt)


def _before(outline: Polygon, level: Along, edge_um: float, tilt: float) -> Polygon:
    """Return the part of an outline before the edge, from its foremost point on both ways."""
    turn = np.roll(np.arange(len(outline)), -int(np.argmax(level)))
    inside = level[turn] > edge_um
    ahead, behind = int(np.argmin(inside)), int(np.argmin(inside[::-1]))
    arc = np.concatenate([turn[len(turn) - behind :], turn[:ahead]])
    begin, end = (
        _meeting(outline, level - edge_um, inner, outer)
        for inner, outer in ((arc[0], turn[-behind - 1]), (arc[-1], turn[ahead]))
    )
    across = np.linspace(end[1], begin[1], EDGE_POINTS)[1:-1]
    edge = np.stack([edge_um + _edge(across, tilt), across], axis=1)
    return np.concatenate([outline[arc], end[None], edge, begin[None]])


def _edge(y: Along, tilt: float) -> Along:
    """Return how far the acrosome's edge is ahead of where it crosses the axis."""
    return tilt * y + EDGE_BEND * y**2


def _meeting(
    outline: Polygon, ahead: Along, inner: np.integer, outer: np.integer
) -> Float64[np.ndarray, " xy"]:
    """Return where the side between two points meets the edge, which is ahead of one of them."""
    part = ahead[inner] / (ahead[inner] - ahead[outer])
    meeting: Float64[np.ndarray, " xy"] = outline[inner] + part * (outline[outer] - outline[inner])
    return meeting


def is_within(points: Polygon, outline: Polygon) -> bool:
    """Tell whether all points are well inside of an outline, as seen from its middle."""
    directions = [np.arctan2(one[:, 1], one[:, 0]) for one in (points, outline)]
    edge = np.interp(directions[0], directions[1], np.hypot(*outline.T), period=2 * math.pi)
    return bool((np.hypot(*points.T) < INSIDE * edge).all())
