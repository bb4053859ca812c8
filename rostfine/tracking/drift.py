"""How the whole picture moves while a field is watched, and where it is cut to another place."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8
from numpy import ndarray

KEY_FRAMES: Final = 10
"""The motion is looked for once in so many frames, and is even in between: a stage is heavy."""
KEY_WIDTH_PX: Final = 640
"""About so wide is the picture in which it is: specks of 2 px tell it to 0.2 px."""
KEY_GROUND_PX: Final = 10.0
KEY_BLUR_PX: Final = 1.0
CLIPPED: Final = 2.0
"""Times the usual contrast at which all is clipped: heads swim, and are to count less than specks,
which lie still."""
SAME_PLACE: Final = 0.15
"""Response of the phase correlation of two pictures that show the same place, at least."""
CUT_WIDTH_PX: Final = 160
"""About so wide is the picture in which cuts are looked for."""
CUT_GROUND_PX: Final = 4.0
CUT: Final = 0.5
"""Correlation of two neighbouring frames, at most, between which nothing can be followed: cut, or
moved by more than a head's length."""

Luma = UInt8[ndarray, "row col"]
Plain = Float32[ndarray, "small_row small_col"]


@dataclass(frozen=True)
class Shift:
    """How far the picture is moved in each frame, since the first or the last cut."""

    offset_px: Float64[ndarray, "frame 2"]
    is_cut: Bool[ndarray, " frame"]  # begins another place


def measure_shift(lumas: Sequence[Luma]) -> Shift:
    """Find cuts, and how things that lie still move with the picture between them."""
    flat = [_flatten(luma, CUT_WIDTH_PX, CUT_GROUND_PX) for luma in lumas]
    alike = [_correlate(before, after) for before, after in zip(flat, flat[1:], strict=False)]
    is_cut = np.array([False] + [one < CUT for one in alike])
    bounds = [0, *np.flatnonzero(is_cut).tolist(), len(lumas)]
    parts = [_follow(lumas[a:b]) for a, b in zip(bounds, bounds[1:], strict=False)]
    return Shift(np.concatenate(parts), is_cut)


def _flatten(luma: Luma, width_px: int, ground_px: float) -> Plain:
    """Return a smaller picture without its ground."""
    by = max(1, luma.shape[1] // width_px)
    size = (max(1, luma.shape[1] // by), max(1, luma.shape[0] // by))
    small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    flat: Plain = small - cv2.GaussianBlur(small, (0, 0), ground_px)
    return flat


def _correlate(one: Plain, other: Plain) -> float:
    both = float(np.vdot(one, one)) * float(np.vdot(other, other))
    # Two pictures that show nothing are alike.
    return float(np.vdot(one, other)) / math.sqrt(both) if both > 0 else 1.0


def _follow(lumas: Sequence[Luma]) -> Float64[ndarray, "frame 2"]:
    """Return how far each frame is moved against the first, by those that are looked at."""
    last = len(lumas) - 1
    keys = sorted({*range(0, last, KEY_FRAMES), last})
    by = max(1, lumas[0].shape[1] // KEY_WIDTH_PX)
    first = before = _whiten(lumas[0])
    window = cv2.createHanningWindow(first.shape[::-1], cv2.CV_32F)
    offset = np.zeros((len(keys), 2))
    for number, key in enumerate(keys[1:], start=1):
        now = _whiten(lumas[key])
        offset[number] = offset[number - 1]
        for base, since in ((first, offset[0]), (before, offset[number - 1])):
            moved, response = cv2.phaseCorrelate(base, now, window)
            if response >= SAME_PLACE:
                offset[number] = since + by * np.asarray(moved)
                break
        before = now
    frames = np.arange(len(lumas))
    return np.stack([np.interp(frames, keys, axis_px) for axis_px in offset.T], axis=1)


def _whiten(luma: Luma) -> Plain:
    """Return a picture in which all that is small has about the same contrast."""
    flat = cv2.GaussianBlur(_flatten(luma, KEY_WIDTH_PX, KEY_GROUND_PX), (0, 0), KEY_BLUR_PX)
    usual = max(float(np.median(np.abs(flat[::4, ::4]))), 1e-3)
    clipped: Plain = np.clip(flat / np.float32(usual), -2 * CLIPPED, CLIPPED)
    return clipped
