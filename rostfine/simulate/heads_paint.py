"""Polygons and lines painted as masks, true to a fraction of a pixel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, Int32, UInt8

from rostfine.simulate.heads_contour import Polygon

Mask = Float32[np.ndarray, "row col"]

FINE: Final = 4
"""How many times larger than the picture is painted."""
SUBPIXEL_BITS: Final = 4
FULL: Final = 200
"""How a level of 1 is painted, which leaves room for more."""


@dataclass(frozen=True)
class Stroke:
    """Lines that are painted alike."""

    lines: Sequence[Polygon]
    width_px: float
    level: float = 1.0


def filled(
    size_px: tuple[int, int], polygons: Sequence[Polygon], levels: Sequence[float] | None = None
) -> Mask:
    """Return how much of each pixel polygons cover, times the level of each, 0 to 1.25."""
    canvas = _canvas(size_px)
    for polygon, level in zip(polygons, levels or [1.0] * len(polygons), strict=True):
        cv2.fillPoly(canvas, [_fine(polygon)], FULL * level, cv2.LINE_8, SUBPIXEL_BITS)
    return _averaged(canvas, size_px)


def lined(size_px: tuple[int, int], strokes: Sequence[Stroke]) -> Mask:
    """Return how much of each pixel lines cover, times their level; later ones cover earlier."""
    canvas = _canvas(size_px)
    for stroke in strokes:
        width = max(1, round(stroke.width_px * FINE))
        paths = [_fine(line) for line in stroke.lines]
        cv2.polylines(canvas, paths, False, FULL * stroke.level, width, cv2.LINE_AA, SUBPIXEL_BITS)
    return _averaged(canvas, size_px)


def _canvas(size_px: tuple[int, int]) -> UInt8[np.ndarray, "fine_row fine_col"]:
    return np.zeros((size_px[1] * FINE, size_px[0] * FINE), np.uint8)


def _fine(points: Polygon) -> Int32[np.ndarray, "_ xy"]:
    # (0, 0) is the corner of the first pixel; to OpenCV it is its middle.
    fine: Int32[np.ndarray, "_ xy"] = np.rint((points * FINE - 0.5) * 2**SUBPIXEL_BITS).astype(
        np.int32
    )
    return fine


def _averaged(canvas: UInt8[np.ndarray, "fine_row fine_col"], size_px: tuple[int, int]) -> Mask:
    mask: Mask = cv2.resize(canvas, size_px, interpolation=cv2.INTER_AREA) / np.float32(FULL)
    return mask
