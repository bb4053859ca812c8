"""Where the heads of a whole field are: blobs of a head's size that stand out, bright or dark.

A difference of two Gaussians answers to blobs of one size and is blind to a ground that is uneven
on a larger scale. Heads lie within a few times the answer of each other, and far above noise, so
that debris, which is fainter, is left out; how much a head answers is measured in each window.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int, UInt8

Luma = UInt8[np.ndarray, "row col"]
Answer = Float32[np.ndarray, "small_row small_col"]
Places = Int[np.ndarray, "peak 2"]
Strengths = Float32[np.ndarray, " peak"]
Points = Float64[np.ndarray, "head 2"]

PX_PER_HEAD: Final = 4
"""As many as a head keeps, at least, in the smaller picture in which it is looked for."""
SIGMA_HEADS: Final = 0.24
"""The Gaussian that answers best to a head of 5 to 3 um."""
RING_RATIO: Final = 1.6
"""Of two Gaussians whose difference comes next to the Laplacian (Marr and Hildreth, 1980)."""
GROUND_HEADS: Final = 2.0
"""Sigma of the ground from which a head stands out too: what lies between dark specks does not."""
APART_HEADS: Final = 0.8
"""Two maxima nearer than this are of one head,"""
HALO_HEADS: Final = 1.8
"""and one nearer than this to a maximum that answers much more is of its halo:"""
HALO_SHARE: Final = 0.6
"""less than this part of it."""
RIM_SHARE: Final = 0.4
"""Of a head's answer is left at most, to one side or the other, at a head's length."""
MEDIAN_SD: Final = 0.6745
"""Median of what is Gaussian, without its sign, over its standard deviation."""
LEAST_NOISE: Final = 6.0
"""Times the noise of the answer: less is no blob."""
LEAST_SHARE: Final = 0.4
"""Of the answer of a usual head: less is debris, or far out of focus."""
FAINTEST: Final = 1.0
"""Grey levels of answer below which nothing is a head, also where there is no noise."""
SIZES_PX: Final = tuple(np.geomspace(3, 40, 17).tolist())
"""Tried where nobody says how long a head is."""
NEXT_BEST: Final = 0.9
"""Sizes that answer so well, next to the best, are around the true one."""


@dataclass(frozen=True)
class HeadLook:
    """How long heads are, whether they are bright, and how strongly they answer at least."""

    head_px: float
    is_bright: bool
    least: float


def measure_heads(lumas: Sequence[Luma], *, head_px: float | None = None) -> HeadLook:
    """Find how the heads of some frames look: their size where it is None, polarity, strength."""
    head_px = _measure_length(lumas) if head_px is None else head_px
    usual = {bright: _usual(lumas, head_px, is_bright=bright) for bright in (True, False)}
    is_bright = usual[True] >= usual[False]
    noise = max(_noise(_answer(luma, head_px, is_bright=is_bright)) for luma in lumas)
    least = max(LEAST_NOISE * noise, LEAST_SHARE * usual[is_bright], FAINTEST)
    return HeadLook(head_px, is_bright, least)


def detect_heads(luma: Luma, look: HeadLook) -> Points:
    """Return x and y of the middle of each head, in pixels, to a fraction of one."""
    answer = _answer(luma, look.head_px, is_bright=look.is_bright)
    at, strength = _find_peaks(answer, look.head_px / _shrink(look.head_px))
    return (_refine(answer, at[strength >= look.least]) + 0.5) * _shrink(look.head_px) - 0.5


def _measure_length(lumas: Sequence[Luma]) -> float:
    """Return the length of a head in pixels: the middle of the sizes that answer best."""
    found = [
        max(_usual(lumas, size_px, is_bright=bright) for bright in (True, False))
        for size_px in SIZES_PX
    ]
    good = [
        size for size, sum_ in zip(SIZES_PX, found, strict=True) if sum_ >= NEXT_BEST * max(found)
    ]
    return float(np.exp(np.log(good).mean()))


def _usual(lumas: Sequence[Luma], head_px: float, *, is_bright: bool) -> float:
    """Return what a usual head answers: the median of what answers half as much as the best."""
    peaks = _strengths(lumas, head_px, is_bright=is_bright)
    return float(np.median(peaks[peaks >= peaks.max() / 2])) if len(peaks) else 0.0


def _strengths(lumas: Sequence[Luma], head_px: float, *, is_bright: bool) -> Strengths:
    small_px = head_px / _shrink(head_px)
    answers = (_answer(luma, head_px, is_bright=is_bright) for luma in lumas)
    return np.concatenate([_find_peaks(answer, small_px)[1] for answer in answers])


def _shrink(head_px: float) -> int:
    """Return how many pixels are averaged into one, along each side."""
    return max(1, int(head_px / PX_PER_HEAD))


def _answer(luma: Luma, head_px: float, *, is_bright: bool) -> Answer:
    """Return how much each place looks like the middle of a head, in grey levels."""
    by = _shrink(head_px)
    rows, cols = luma.shape[0] // by, luma.shape[1] // by
    whole = luma[: rows * by, : cols * by]
    small = cv2.resize(whole, (cols, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    sigma = SIGMA_HEADS * head_px / by
    disc = cv2.GaussianBlur(small, (0, 0), sigma)
    # What is left to blur of what is blurred already.
    ring = cv2.GaussianBlur(disc, (0, 0), sigma * (RING_RATIO**2 - 1) ** 0.5)
    ground = _blur_widely(small, GROUND_HEADS * head_px / by)
    if is_bright:
        answer: Answer = disc - cv2.max(ring, ground)
    else:
        answer = cv2.min(ring, ground) - disc
    return answer


def _blur_widely(small: Answer, sigma: float) -> Answer:
    """Blur by a Gaussian so wide that a quarter of the size tells it as well."""
    size = (max(1, small.shape[1] // 4), max(1, small.shape[0] // 4))
    coarse = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), sigma / 4)
    blurred: Answer = cv2.resize(coarse, small.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return blurred


def _find_peaks(answer: Answer, head_px: float) -> tuple[Places, Strengths]:
    """Return column and row of each maximum, and its answer."""
    is_peak = (answer == _highest(answer, APART_HEADS * head_px)) & (answer > FAINTEST)
    row, col = np.nonzero(is_peak)
    strength = answer[row, col]
    stronger = _highest(answer, HALO_HEADS * head_px)[row, col]
    at = np.stack([col, row], axis=1)
    kept = (strength >= HALO_SHARE * stronger) & ~_is_on_rim(answer, at, head_px)
    return at[kept], strength[kept]


def _is_on_rim(answer: Answer, at: Places, head_px: float) -> Bool[np.ndarray, " peak"]:
    """Tell which maxima go on to both sides, along some axis, as the rim of a bubble does."""
    last = np.array(answer.shape[::-1]) - 1
    fallen = RIM_SHARE * answer[at[:, 1], at[:, 0]]
    is_on_rim = np.zeros(len(at), np.bool_)
    for angle in np.arange(8) * math.pi / 8:
        step = np.rint(head_px * np.array([math.cos(angle), math.sin(angle)])).astype(np.int64)
        ends = [np.clip(at + way * step, 0, last) for way in (1, -1)]
        is_on_rim |= np.minimum(*(answer[end[:, 1], end[:, 0]] for end in ends)) > fallen
    return is_on_rim


def _highest(answer: Answer, reach_px: float) -> Answer:
    """Return the largest answer within a square around each place."""
    side = 2 * max(1, round(reach_px)) + 1
    highest: Answer = cv2.dilate(answer, np.ones((side, side), np.uint8))
    return highest


def _refine(answer: Answer, at: Places) -> Points:
    """Return the top of the parabola through each maximum and its neighbours, along each axis."""
    framed = np.pad(answer, 1, mode="edge").astype(np.float64)
    col, row = at.T + 1
    middle = framed[row, col]
    off = []
    for before, after in (
        (framed[row, col - 1], framed[row, col + 1]),
        (framed[row - 1, col], framed[row + 1, col]),
    ):
        bend = np.maximum(2 * middle - before - after, 1e-9)
        off.append(np.clip((after - before) / (2 * bend), -0.5, 0.5))
    return np.asarray(at + np.stack(off, axis=1))


def _noise(answer: Answer) -> float:
    """Return the standard deviation of what is no blob, by the median."""
    middle = float(np.median(answer))
    return float(np.median(np.abs(answer - middle))) / MEDIAN_SD
