"""How alike two looks at a head are, and where a look is most like itself turned round.

What is near the middle counts most, by a Gaussian: a droplet, a neighbour or the rim of a bubble
beside the head then counts little. Sides are in the cells of `tracking.template`.
"""

import math
from functools import cache
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32

Cells = Float32[np.ndarray, "cell_row cell_col"]
Square = Float32[np.ndarray, "side side"]

WINDOW_SIGMA: Final = 5.0
"""In cells: half of a head's length."""
FLATTEST: Final = 0.01
"""Variance in squared grey levels of a place that shows nothing; keeps a quotient finite."""
CENTRE_RADIUS: Final = 8
"""In cells: what is turned round."""
CENTRE_REACH: Final = 6
"""In cells: twice the furthest middle that is looked for."""
CENTRE_BEND: Final = 0.006
"""By how much correlation falls with the square of the distance, so that a near middle wins."""
CENTRE_SHARE: Final = 0.8
"""Share of the way to a perfect middle that is gone; the tag, too, knows something."""
CENTRE_SLACK: Final = 2.0
"""In cells: a middle much further off than this is of something else, and is not believed."""


class Surroundings:
    """A part of a frame in which weighed templates are looked for."""

    def __init__(self, cells: Cells, *, side: int) -> None:
        line, _ = _window(side)
        # About the middle of the grey levels, so that squares lose no digits.
        self._cells: Cells = cells - np.float32(128)
        rim = slice(side // 2, -(side // 2))
        mean = cv2.sepFilter2D(self._cells, -1, line, line)[rim, rim]
        square = cv2.sepFilter2D(self._cells * self._cells, -1, line, line)[rim, rim]
        self._spread: Cells = cv2.sqrt(cv2.max(square - mean * mean, FLATTEST))

    def correlate(self, weighed: Square) -> Cells:
        """Return the normalised correlation, -1..1, wherever the template lies wholly inside."""
        found: Cells = cv2.matchTemplate(self._cells, weighed, cv2.TM_CCORR) / self._spread
        return found


def weigh(template: Square) -> Square:
    """Return a template as `Surroundings` wants it: about its mean, weighted, of length 1."""
    _, window = _window(len(template))
    away = template - float(window.ravel() @ template.ravel())
    weighed: Square = window * away
    weighed /= math.sqrt(max(float(weighed.ravel() @ away.ravel()), FLATTEST))
    return weighed


@cache
def _window(side: int) -> tuple[Float32[np.ndarray, "side 1"], Square]:
    """Return the Gaussian of `side` cells along one axis, and along both."""
    line = cv2.getGaussianKernel(side, WINDOW_SIGMA, cv2.CV_32F)
    return line, line @ line.T


def find_middle(cells: Square) -> tuple[float, float]:
    """Return how many cells right of and below the middle of `cells` a head should be centred.

    Heads are much like themselves turned by half a circle, whatever else they look like; turned
    about the wrong place, a picture comes to lie twice as far from itself.
    """
    smooth = cv2.GaussianBlur(cells, (0, 0), 0.5)
    inner = slice(CENTRE_REACH, -CENTRE_REACH)
    turned = np.ascontiguousarray(smooth[inner, inner][::-1, ::-1])
    alike = cv2.matchTemplate(smooth, turned, cv2.TM_CCOEFF_NORMED)
    square = np.square(np.arange(-CENTRE_REACH, CENTRE_REACH + 1, dtype=np.float32))
    good = alike - np.float32(CENTRE_BEND) * (square + square[:, None])
    row, col = np.unravel_index(int(good.argmax()), good.shape)
    down = (peak(good[:, col], int(row)) - CENTRE_REACH) / 2
    across = (peak(good[row], int(col)) - CENTRE_REACH) / 2
    far = (down**2 + across**2) / CENTRE_SLACK**2
    share = CENTRE_SHARE * max(float(alike[row, col]), 0.0) * math.exp(-0.5 * far)
    return share * across, share * down


def peak(values: Float32[np.ndarray, " cell"], at: int) -> float:
    """Return where the parabola through the greatest value and its neighbours is greatest."""
    if not 0 < at < len(values) - 1:
        return float(at)
    before, here, after = (float(v) for v in values[at - 1 : at + 2])
    bend = before - 2 * here + after
    return at + (0.5 * (before - after) / bend if bend < 0 else 0.0)
