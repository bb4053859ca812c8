"""A mask as a shape: its pixels within their box, its largest piece, and how long its edge is."""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Int32
from numpy import ndarray
from pycocotools import mask as coco

from rostfine.morphology.heads import Rle, decode

STRAIGHT: Final = 0.980
DIAGONAL: Final = 1.406
CORNER: Final = 0.091
"""Of a chain code, least wrong over lines of all directions (Vossepoel and Smeulders, 1982)."""
Contour = Int32[ndarray, "point 2"]
"""The (x, y) of the pixels at the edge, one after the other, each beside the next."""


@dataclass(frozen=True)
class Patch:
    """The pixels of a mask within their box, whose corner is at `left_px`, `top_px`."""

    pixels: Bool[ndarray, "row col"]
    left_px: int
    top_px: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Return the rows and columns of the picture that it covers."""
        high, wide = self.pixels.shape
        return slice(self.top_px, self.top_px + high), slice(self.left_px, self.left_px + wide)


def cut_patch(mask: Rle) -> Patch:
    """Cut a mask to its pixels; a mask without any gives a patch of no size."""
    left, top, wide, high = (round(side) for side in coco.toBbox(mask))
    pixels = decode(mask)[top : top + high, left : left + wide]
    return Patch(np.ascontiguousarray(pixels), left, top)


def is_cut(mask: Rle) -> bool:
    """Say whether a mask touches the picture's border, so that its object may reach beyond."""
    left, top, wide, high = (round(side) for side in coco.toBbox(mask).tolist())
    rows, cols = mask["size"]
    at_end = left + wide == cols or top + high == rows
    return bool(wide > 0 and (min(left, top) == 0 or at_end))


def trace(pixels: Bool[ndarray, "row col"]) -> list[Contour]:
    """Return the outer contour of each piece, the largest first."""
    found, _ = cv2.findContours(pixels.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    # A line encloses nothing: the longer one is larger.
    found = sorted(found, key=lambda one: (cv2.contourArea(one), len(one)), reverse=True)
    return [one.reshape(-1, 2).astype(np.int32) for one in found]


def fill(contour: Contour, shape: tuple[int, int]) -> Bool[ndarray, "row col"]:
    """Return what a contour encloses, itself and any holes too."""
    canvas = np.zeros(shape, np.uint8)
    cv2.drawContours(canvas, [contour[:, None]], 0, 1, cv2.FILLED)
    return canvas.astype(bool)


def perimeter_of(contour: Contour) -> float:
    """Return how long the edge is of what a contour encloses, in px, corrected for its corners.

    The contour runs through the middles of its pixels, half a pixel within the edge: on a closed
    way around, an edge farther out by that is longer by pi (Steiner).
    """
    steps = np.roll(contour, -1, axis=0) - contour
    lengths = np.abs(steps).sum(axis=1)
    corners = (steps != np.roll(steps, -1, axis=0)).any(axis=1).sum()
    along = STRAIGHT * (lengths == 1).sum() + DIAGONAL * (lengths == 2).sum()
    return float(along - CORNER * corners + math.pi)


def fill_hull(contour: Contour) -> Bool[ndarray, "row col"]:
    """Return the pixels within the convex hull of a contour, in the contour's own box."""
    first, last = contour.min(axis=0), contour.max(axis=0)
    col, row = (np.arange(length) for length in last - first + 1)
    # In whole numbers: OpenCV's own filling takes in pixels beyond the hull.
    corners = (cv2.convexHull(contour[:, None], clockwise=False)[:, 0] - first).astype(np.int64)
    inside = np.ones((len(row), len(col)), bool)
    for (x, y), (dx, dy) in zip(corners, np.roll(corners, -1, axis=0) - corners, strict=True):
        inside &= dx * (row[:, None] - y) >= dy * (col - x)
    return inside
