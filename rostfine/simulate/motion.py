"""The path of a head: progressive swimming that curves, wanders and sways with the tail's beat."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float64

from rostfine.simulate.sperm import Traits

CURVATURE_SD_RAD_S: Final = 0.15
WANDER_RAD_SQRT_S: Final = 0.12
STEERING_RAD_S: Final = 4.0
SWAY: Final = 0.12
"""Amplitude of the head's sway relative to the tail's beat."""
YAW_RAD_PER_UM: Final = 0.05
"""How far the head turns with the beat, for each micrometre of the tail's amplitude."""
RAMP_PX: Final = 150.0


@dataclass(frozen=True)
class Box:
    """The part of the frame that a path keeps to."""

    left_px: float
    top_px: float
    right_px: float
    bottom_px: float

    def holds(self, path: "Path") -> bool:
        """Tell whether the whole path lies inside."""
        return bool(
            path.x_px.min() >= self.left_px
            and path.x_px.max() <= self.right_px
            and path.y_px.min() >= self.top_px
            and path.y_px.max() <= self.bottom_px
        )


@dataclass(frozen=True)
class Clockwork:
    """How often a frame is taken, how many there are, and how large a pixel is."""

    frames: int
    frame_rate_hz: float
    um_per_px: float


@dataclass(frozen=True)
class Path:
    """Where the middle of a head is, and where it points; x to the right, y down, clockwise."""

    x_px: Float64[np.ndarray, " frame"]
    y_px: Float64[np.ndarray, " frame"]
    heading_rad: Float64[np.ndarray, " frame"]
    beat_rad: Float64[np.ndarray, " frame"]  # phase of the tail's beat


def swim(
    traits: Traits,
    clock: Clockwork,
    *,
    start_px: tuple[float, float],
    kept_in: Box | None,
    rng: np.random.Generator,
) -> Path:
    """Swim from `start_px` at the speed of `traits`; near the edge of `kept_in` turn back."""
    step_s = 1 / clock.frame_rate_hz
    step_px = traits.speed_um_s * step_s / clock.um_per_px
    curvature = rng.normal(0, CURVATURE_SD_RAD_S)
    wander = rng.normal(0, WANDER_RAD_SQRT_S * math.sqrt(step_s), clock.frames)
    course = float(rng.uniform(-math.pi, math.pi))
    x_px, y_px = start_px
    way = np.empty((clock.frames, 3))
    for frame in range(clock.frames):
        way[frame] = x_px, y_px, course
        turn = curvature * step_s + float(wander[frame])
        if kept_in is not None:
            turn += step_s * _steering(x_px, y_px, course, kept_in)
        # The step is along the mean of both courses, so that a circle stays a circle.
        x_px += step_px * math.cos(course + turn / 2)
        y_px += step_px * math.sin(course + turn / 2)
        course += turn
    return sway(way, traits, clock, phase_rad=rng.uniform(0, 2 * math.pi))


def sway(
    way: Float64[np.ndarray, "frame 3"], traits: Traits, clock: Clockwork, *, phase_rad: float
) -> Path:
    """Let a head sway and turn about its way (x and y in pixels, course in rad) with the beat."""
    time_s = np.arange(clock.frames) / clock.frame_rate_hz
    beat = phase_rad + 2 * math.pi * traits.beat_frequency_hz * time_s
    aside_px = SWAY * traits.beat_amplitude_um / clock.um_per_px * np.sin(beat)
    x_px, y_px, course = way.T
    return Path(
        x_px=x_px - aside_px * np.sin(course),
        y_px=y_px + aside_px * np.cos(course),
        heading_rad=course + YAW_RAD_PER_UM * traits.beat_amplitude_um * np.cos(beat),
        beat_rad=beat,
    )


def _steering(x_px: float, y_px: float, course: float, box: Box) -> float:
    """Turn towards the middle of the box, the harder the nearer to its edge, in rad/s."""
    pull, aim = 0.0, [0.0, 0.0]
    spans = ((x_px, box.left_px, box.right_px), (y_px, box.top_px, box.bottom_px))
    for axis, (at, low, high) in enumerate(spans):
        half = (high - low) / 2
        off = at - (low + high) / 2
        ramp = min(RAMP_PX, half)
        pull = max(pull, min(1.0, max(0.0, (abs(off) - half + ramp) / ramp)))
        aim[axis] = -off
    error = math.atan2(aim[1], aim[0]) - course
    # Beyond a right angle the sine would fade; a sperm facing the edge turns hardest.
    strength = math.sin(error) if math.cos(error) > 0 else math.copysign(1.0, math.sin(error))
    return STEERING_RAD_S * pull * strength
