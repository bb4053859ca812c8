"""Where a head goes next: a Kalman filter with almost constant velocity.

x and y are independent and share one covariance. Lengths are in heads and times in frames for the
settings, in pixels and frames for the state.
"""

import math
from dataclasses import dataclass
from typing import Final

MEASURED: Final = 0.12
"""Standard deviation of a found place, in heads."""
STEADIEST: Final = 0.05
"""The velocity is never trusted more than this, in heads per frame."""
DRAG: Final = 0.95
"""What remains of a velocity after a frame: sperm turn, and do not coast for long."""


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
        self._x_px, self._y_px = x_px, y_px
        self._dx_px = self._dy_px = 0.0
        self._measured = (MEASURED * head_px) ** 2
        self._steadiest = (STEADIEST * head_px) ** 2
        self._jolt = (turn_heads * head_px) ** 2
        # Variances of place and velocity, and their covariance. Plain numbers: a step of a
        # tracker is so short that small arrays would cost more than all of its arithmetic.
        self._place = self._measured
        self._both = 0.0
        self._velocity = (speed_heads * head_px) ** 2

    def predict(self) -> Prediction:
        """Move on by one frame, in which the velocity may change at random."""
        self._x_px += self._dx_px
        self._y_px += self._dy_px
        self._place += 2 * self._both + self._velocity + 0.25 * self._jolt
        self._both += self._velocity + 0.5 * self._jolt
        self._velocity += self._jolt
        return Prediction(self._x_px, self._y_px, math.sqrt(self._place + self._measured))

    def correct(self, x_px: float, y_px: float) -> None:
        """Learn where the head was found after `predict`."""
        to_place = self._place / (self._place + self._measured)
        to_velocity = self._both / (self._place + self._measured)
        self._dx_px = (self._dx_px + to_velocity * (x_px - self._x_px)) * DRAG
        self._dy_px = (self._dy_px + to_velocity * (y_px - self._y_px)) * DRAG
        self._velocity = max(self._velocity - to_velocity * self._both, self._steadiest)
        self._both -= to_place * self._both
        self._place -= to_place * self._place
        self._x_px, self._y_px = x_px, y_px

    def pan(self, dx_px: float, dy_px: float) -> None:
        """Learn that the next picture begins so much further to the right and down."""
        self._x_px -= dx_px
        self._y_px -= dy_px

    def coast(self) -> None:
        """Learn that the head was not found after `predict`."""
        self._dx_px *= DRAG
        self._dy_px *= DRAG
