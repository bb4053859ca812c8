"""Following one head from frame to frame."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64

from rostfine.params import TrackingParams
from rostfine.tracking.likeness import peak
from rostfine.tracking.motion import Motion, Prediction
from rostfine.tracking.template import (
    CELLS_PER_HEAD,
    FAINTEST,
    MARGIN,
    TEMPLATE_RADIUS,
    Luma,
    Templates,
    find_head,
    headness,
    look,
)

REACH_SD: Final = 3.5
"""How far from the predicted place is searched, in standard deviations of the prediction."""
MOST_CELLS: Final = 40
"""The furthest search to each side, in cells."""
PRIOR_SPREAD: Final = 2.0
"""Variance of the prior over that of the prediction: sperm swim less evenly than the filter."""
BRIGHTEST: Final = 1.5
"""Headness over that of the target beyond which a place is no more of a head."""
FOLLOWED: Final = 0.1
"""Share of the newest headness in that of the target."""


@dataclass(frozen=True)
class Position:
    """Where the head is in one frame; where it was not seen, where it is presumed."""

    x_px: float
    y_px: float
    score: float  # 0..1: likeness with the templates, less where hardly anything stands out
    is_seen: bool


class Follower:
    """Follows the sperm that was tagged at (`x_px`, `y_px`) of a first frame.

    `unseen` counts the frames since it was last seen.
    """

    def __init__(self, luma: Luma, x_px: float, y_px: float, params: TrackingParams) -> None:
        head = find_head(luma, x_px, y_px, params)
        self.head = head
        self._params = params
        self._cell_px = head.length_px / CELLS_PER_HEAD
        self._headness = head.headness
        self._templates = Templates(luma, head)
        self._motion = Motion(
            head.x_px,
            head.y_px,
            head_px=head.length_px,
            speed_heads=params.speed_heads,
            turn_heads=params.turn_heads,
        )
        self.unseen = 0 if head.is_there else 1

    @property
    def start(self) -> Position:
        """The middle of the tagged head."""
        is_there = self.head.is_there
        return Position(self.head.x_px, self.head.y_px, score=float(is_there), is_seen=is_there)

    @property
    def is_lost(self) -> bool:
        """Whether no head was under the tag, or none was seen for too many frames in a row."""
        return not self.head.is_there or self.unseen >= self._params.lost_after

    def pan(self, dx_px: float, dy_px: float) -> None:
        """Expect the next frame to begin so much further to the right and down than the last."""
        self._motion.pan(dx_px, dy_px)

    def step(self, luma: Luma) -> Position:
        """Find the head in the next frame."""
        expected = self._motion.predict()
        found = self._search(luma, expected)
        if found.score < self._params.min_score:
            self.unseen += 1
            self._motion.coast()
            return Position(expected.x_px, expected.y_px, found.score, is_seen=False)
        self.unseen = 0
        self._motion.correct(found.x_px, found.y_px)
        place_px = (found.x_px, found.y_px)
        self._templates.renew(
            luma, place_px, correlations=found.correlations, share=self._params.renew
        )
        newest = max(found.headness, FAINTEST)
        self._headness = (1 - FOLLOWED) * self._headness + FOLLOWED * newest
        return Position(found.x_px, found.y_px, found.score, is_seen=True)

    def _search(self, luma: Luma, expected: Prediction) -> "_Found":
        reach_px = REACH_SD * expected.sd_px
        radius = min(max(math.ceil(reach_px / self._cell_px), 3), MOST_CELLS)
        x_px = min(max(expected.x_px, 0.0), luma.shape[1] - 1.0)
        y_px = min(max(expected.y_px, 0.0), luma.shape[0] - 1.0)
        cells = look(luma, x_px, y_px, radius=radius + MARGIN, cell_px=self._cell_px)
        stands_out = headness(cells)[MARGIN:-MARGIN, MARGIN:-MARGIN] / self._headness
        np.clip(stands_out, 0, BRIGHTEST, out=stands_out)
        spare = MARGIN - TEMPLATE_RADIUS
        likenesses = self._templates.match(cells[spare:-spare, spare:-spare])
        likeness = np.clip(likenesses.max(axis=0), 0, 1)
        off_px = np.arange(-radius, radius + 1) * self._cell_px
        # The cube of likeness by the headness: so much they count beside the prior.
        good = likeness * likeness * likeness * stands_out
        good *= _prior(x_px + off_px, expected.x_px, expected.sd_px, luma.shape[1])
        good *= _prior(y_px + off_px, expected.y_px, expected.sd_px, luma.shape[0])[:, None]
        row, col = np.unravel_index(int(good.argmax()), good.shape)
        down, across = peak(good[:, col], int(row)), peak(good[row], int(col))
        return _Found(
            x_px=x_px + (across - radius) * self._cell_px,
            y_px=y_px + (down - radius) * self._cell_px,
            score=float(likeness[row, col]) * math.sqrt(min(float(stands_out[row, col]), 1.0)),
            headness=float(stands_out[row, col] * self._headness),
            correlations=likenesses[:, row, col],
        )


@dataclass(frozen=True)
class _Found:
    x_px: float
    y_px: float
    score: float
    headness: float
    correlations: Float32[np.ndarray, " template"]


def _prior(
    places_px: Float64[np.ndarray, " cell"], expected_px: float, sd_px: float, length: int
) -> Float32[np.ndarray, " cell"]:
    """Return how likely each place along one axis is before it is looked at; none off the frame."""
    prior = np.exp((places_px - expected_px) ** 2 * (-0.5 / (PRIOR_SPREAD * sd_px**2)))
    prior[(places_px < 0) | (places_px > length - 1)] = 0
    return prior.astype(np.float32)
