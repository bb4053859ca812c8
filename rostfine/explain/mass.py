"""How much of a heat map lies on something, against the area of that thing."""

import math
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

MIDDLE_RADIUS: Final = 1 / 6
"""Of the side of a clip. A clip is cut around its sperm: a head of 5 um lies within this in clips
of 150 px at 0.19 um per px."""


def mass_ratio(heat: Float[ndarray, "frame patch"], mask: Bool[ndarray, "frame row col"]) -> float:
    """Return the share of the heat that lies on `mask` over the share of the area that it covers.

    The heat of a patch counts as spread evenly over it. 1 is what even heat gives; the most is
    what the heat of one patch gives, all on that which the mask covers most of.
    """
    covered = cover(mask, math.isqrt(heat.shape[1]))
    return float((heat * covered).sum() / heat.sum() / covered.mean())


def cover(mask: Bool[ndarray, "frame row col"], side: int) -> Float[ndarray, "frame patch"]:
    """Return how much of each patch of a grid of `side` by `side` the mask covers, 0 to 1."""
    rows, cols = (_overlap(length, side) for length in mask.shape[1:])
    covered: Float[ndarray, "frame side side"] = rows @ mask.astype(np.float64) @ cols.T
    return covered.reshape(len(mask), side * side)


def middle_of(frames: int, side_px: int) -> Bool[ndarray, "frame row col"]:
    """Return a mask of the disc in the middle of each frame, where the sperm's head is."""
    off_px = np.arange(side_px) - (side_px - 1) / 2
    disc = np.hypot(off_px[:, None], off_px) <= MIDDLE_RADIUS * side_px
    return np.broadcast_to(disc, (frames, side_px, side_px))


def _overlap(pixels: int, cells: int) -> Float[ndarray, "cell pixel"]:
    """Return which part of each cell is each pixel, along one axis; a border may part a pixel."""
    edge, start = np.linspace(0, pixels, cells + 1), np.arange(pixels)
    shared = np.minimum(edge[1:, None], start + 1) - np.maximum(edge[:-1, None], start)
    overlap: Float[ndarray, "cell pixel"] = np.clip(shared, 0, None) * cells / pixels
    return overlap
