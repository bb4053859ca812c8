"""How the sperm of a semen sample move: progressive, on the spot, or not at all.

Places are uniform over the frame at all times and for all classes: who leaves on one side comes in
on the other. Headings and phases of the beat are uniform as well. No single frame tells a class.
"""

import math
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np
from jaxtyping import Float64, Int64

from rostfine.simulate.motion import Clockwork, Path, sway
from rostfine.simulate.semen_form import Form
from rostfine.simulate.sperm import Traits

Motility = Literal["progressive", "non_progressive", "immotile"]
MOTILITIES: Final[tuple[Motility, ...]] = get_args(Motility)

SPEED_UM_S: Final = (30.0, 70.0)
FAST_BEAT_HZ: Final = (8.0, 14.0)
SLOW_BEAT_HZ: Final = (4.0, 9.0)
CURVATURE_SD_RAD_S: Final = 0.3
WANDER_RAD_SQRT_S: Final = 0.2
CIRCLE_UM: Final = (1.4, 2.4)
"""Radius of the circles on the spot: none gets 5 um further within a second, which would be
progressive (WHO laboratory manual)."""
CIRCLING_RAD_S: Final = (4.0, 8.0)
MOST_FLOW_UM_S: Final = 1.5


@dataclass(frozen=True)
class Flow(Clockwork):
    """When frames are taken, and the size of a frame, beyond whose sides it begins anew."""

    width_px: int
    height_px: int


@dataclass(frozen=True)
class Route:
    """The track of one sperm; a new visit begins where it comes in at the other side."""

    traits: Traits  # with its motion
    path: Path
    visit: Int64[np.ndarray, " frame"]


@dataclass(frozen=True)
class _Pace:
    """What a class does."""

    speed_um_s: float
    turn_rad: Float64[np.ndarray, " frame"]  # from each frame to the next
    beat_hz: float


def draw_routes(
    motilities: tuple[Motility, ...], forms: tuple[Form, ...], flow: Flow, rng: np.random.Generator
) -> tuple[Route, ...]:
    """Draw the track of each sperm; where they are in the first frame depends on no class."""
    # The fluid carries all sperm alike.
    angle_rad, flow_um_s = rng.uniform(0, 2 * math.pi), rng.uniform(0, MOST_FLOW_UM_S)
    drift_um_s = flow_um_s * np.array([math.cos(angle_rad), math.sin(angle_rad)])
    return tuple(
        _draw_route(motility, form, flow, drift_um_s, rng)
        for motility, form in zip(motilities, forms, strict=True)
    )


def _draw_route(
    motility: Motility,
    form: Form,
    flow: Flow,
    drift_um_s: Float64[np.ndarray, " x_y"],
    rng: np.random.Generator,
) -> Route:
    start_px = rng.uniform(0, 1, 2) * (flow.width_px, flow.height_px)
    course_rad, phase_rad = rng.uniform(0, 2 * math.pi, 2)
    pace = _draw_paces(flow, rng)[motility]
    traits = replace(form.traits, speed_um_s=pace.speed_um_s, beat_frequency_hz=pace.beat_hz)
    course = course_rad + np.concatenate([[0.0], np.cumsum(pace.turn_rad)[:-1]])
    # The step is along the mean of both courses, so that a circle stays a circle.
    along = course + pace.turn_rad / 2
    step_um = pace.speed_um_s * np.stack([np.cos(along), np.sin(along)], 1) + drift_um_s
    moved_px = np.cumsum(step_um, axis=0)[:-1] / flow.frame_rate_hz / flow.um_per_px
    way = np.column_stack([np.vstack([start_px, start_px + moved_px]), course])
    return _come_again(sway(way, traits, flow, phase_rad=float(phase_rad)), traits, flow)


def _draw_paces(flow: Flow, rng: np.random.Generator) -> dict[Motility, _Pace]:
    """Draw a sperm as it were in each class, so that no other sperm depends on its class."""
    step_s = 1 / flow.frame_rate_hz
    wander = rng.normal(0, WANDER_RAD_SQRT_S * math.sqrt(step_s), flow.frames)
    curved = rng.normal(0, CURVATURE_SD_RAD_S) * step_s + wander
    circling_rad_s = rng.uniform(*CIRCLING_RAD_S)
    circled = np.full(flow.frames, rng.choice((-1.0, 1.0)) * circling_rad_s * step_s)
    circle_um_s = float(circling_rad_s * rng.uniform(*CIRCLE_UM))
    speed_um_s, fast_hz, slow_hz = (
        float(rng.uniform(*span)) for span in (SPEED_UM_S, FAST_BEAT_HZ, SLOW_BEAT_HZ)
    )
    return {
        "progressive": _Pace(speed_um_s, curved, fast_hz),
        "non_progressive": _Pace(circle_um_s, circled, slow_hz),
        "immotile": _Pace(0.0, np.zeros(flow.frames), 0.0),
    }


def _come_again(path: Path, traits: Traits, flow: Flow) -> Route:
    """Let who leaves the frame, which ends half a pixel beyond the last middle, begin anew."""
    sides = np.array([flow.width_px, flow.height_px])
    place = np.stack([path.x_px, path.y_px], axis=1) + 0.5
    lap = np.floor(place / sides)
    x_px, y_px = (place - lap * sides - 0.5).T
    changes = (np.diff(lap, axis=0) != 0).any(axis=1)
    visit = np.concatenate([[0], np.cumsum(changes)]).astype(np.int64)
    return Route(traits, replace(path, x_px=x_px, y_px=y_px), visit)
