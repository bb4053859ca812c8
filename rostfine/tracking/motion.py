"""Where a head goes next: a Kalman filter with almost constant velocity.

x and y are independent and share one covariance. Lengths are in heads and times in frames for the
settings, in pixels and frames for the state.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

MEASURED: Final = 0.12
"""Standard deviation of a found place, in heads."""
STEADIEST: Final = 0.05
"""The velocity is never trusted more than this, in heads per frame."""
DRAG: Final = 0.95
"""What remains of a velocity after a frame without news of it."""

FORWARD: Final = np.array([[1.0, 1.0], [0.0, 1.0]])
"""Place and velocity one frame later."""
JOLT: Final = np.array([[0.25, 0.5], [0.5, 1.0]])
"""Covariance of place and velocity after a random acceleration of unit variance."""


@dataclass(frozen=True)
class Prediction:
    """Where the head should be, and how far off it may be, as a standard deviation."""

    x_px: float
    y_px: float
    sd_px: float


class Motion:
    """Place and velocity of one head."""

    def __init__(
        self, x_px: float, y_px: float, *, head_px: float, speed_heads: float, turn_heads: float
    ) -> None:
        self._place = np.array([x_px, y_px])
        self._velocity = np.zeros(2)
        self._measured = (MEASURED * head_px) ** 2
        self._steadiest = (STEADIEST * head_px) ** 2
        self._jolt = (turn_heads * head_px) ** 2 * JOLT
        self._covariance = np.diag([self._measured, (speed_heads * head_px) ** 2])

    def predict(self) -> Prediction:
        """Move on by one frame."""
        self._place = self._place + self._velocity
        self._covariance = FORWARD @ self._covariance @ FORWARD.T + self._jolt
        sd_px = float(np.sqrt(self._covariance[0, 0] + self._measured))
        return Prediction(float(self._place[0]), float(self._place[1]), sd_px)

    def correct(self, x_px: float, y_px: float) -> None:
        """Learn where the head was found after `predict`."""
        gain = self._covariance[:, 0] / (self._covariance[0, 0] + self._measured)
        surprise = np.array([x_px, y_px]) - self._place
        self._velocity = (self._velocity + gain[1] * surprise) * DRAG
        self._covariance = self._covariance - np.outer(gain, self._covariance[0])
        self._covariance[1, 1] = max(self._covariance[1, 1], self._steadiest)
        self._place = np.array([x_px, y_px])

    def coast(self) -> None:
        """Learn that the head was not found after `predict`."""
        self._velocity = self._velocity * DRAG
