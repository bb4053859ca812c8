"""The boxes from which a network starts to look, fitted to the heads that it is to find."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

LEVELS: Final = 5
FINEST: Final = 4
"""Pixels of a picture for one of the finest level of a feature pyramid; twice as many for each
coarser one."""
CELLS: Final = 8
"""Cells of its level that an anchor is long (Lin et al. 2017, arXiv:1612.03144, section 4.1)."""
SCALES: Final = (0.7, 1.0, 1.4)
QUANTILES: Final = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Anchors:
    """Sizes (the root of the area) at each level of the pyramid, and ratios of height to width."""

    sizes_px: tuple[tuple[float, ...], ...]
    ratios: tuple[float, ...]


PUBLISHED: Final = Anchors(((32.0,), (64.0,), (128.0,), (256.0,), (512.0,)), (0.5, 1.0, 2.0))


def fit_anchors(sides_px: Float64[ndarray, "box 2"]) -> Anchors:
    """Fit anchors to boxes of (width, height), in the pixels that the network sees.

    The level whose cells suit the median box has three sizes around it, each coarser level has
    them twice as large.
    """
    width, height = sides_px.T
    median = float(np.median(np.sqrt(width * height)))
    level = int(np.clip(round(np.log2(median / (CELLS * FINEST))), 0, LEVELS - 1))
    sizes = tuple(
        tuple(round(scale * median * 2.0 ** (here - level), 1) for scale in SCALES)
        for here in range(LEVELS)
    )
    ratios = np.quantile(height / width, QUANTILES)
    return Anchors(sizes, tuple(round(float(ratio), 2) for ratio in ratios))
