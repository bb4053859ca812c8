"""The form of a stained sperm: the outline of its head, its acrosome, vacuoles and tail, in um.

Head coordinates: the middle of the outline's area is at (0, 0), the tip of the head at +x, the
neck at -x.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Float64

from rostfine.simulate.heads_contour import Polygon, area, cap, is_within, middle

HeadClass = Literal["Normal", "Tapered", "Pyriform", "Amorphous"]
Span = tuple[float, float]

OUTLINE_POINTS: Final = 60
REACH_UM: Final = 4.0
"""No head reaches further from its middle."""
DENTS: Final = (3, 4, 5)
"""Harmonics of an uneven outline; the second would only make an oval another one."""
VACUOLE_POINTS: Final = 16
TAIL_STEP_UM: Final = 0.75
MIDPIECE_STEPS: Final = 6
"""How many steps of a tail are midpiece."""


@dataclass(frozen=True)
class _Kind:
    """Between what the traits of heads of one kind lie."""

    length_um: Span
    slimness: Span  # width/length
    narrowing: Span  # towards the neck; 0: none
    unevenness: Span  # root mean square of dents, of the radius
    acrosome: Span = (0.42, 0.68)  # of the head's area
    tilt: Span = (-0.15, 0.15)  # of the acrosome's edge
    vacuole: Span = (0.015, 0.035)  # each, of the head's area
    vacuoles: int = 2  # at most
    bend_rad: Span = (-0.15, 0.15)  # of the neck


_KINDS: Final[Mapping[HeadClass, tuple[_Kind, ...]]] = {
    "Normal": (_Kind((4.0, 5.0), (0.57, 0.68), (0.02, 0.16), (0.0, 0.012)),),
    "Tapered": (_Kind((5.2, 6.8), (0.27, 0.38), (0.0, 0.2), (0.0, 0.02), (0.3, 0.6)),),
    "Pyriform": (_Kind((4.8, 6.0), (0.52, 0.64), (0.68, 0.92), (0.0, 0.015), (0.35, 0.65)),),
    "Amorphous": (
        _Kind((4.2, 5.8), (0.62, 0.9), (-0.1, 0.3), (0.1, 0.16), (0.2, 0.8), (-0.6, 0.6)),
        # Too large and round, with large vacuoles; too small; with a lopsided acrosome.
        _Kind((5.6, 6.6), (0.8, 0.98), (0.0, 0.2), (0.04, 0.08), (0.2, 0.75), vacuole=(0.04, 0.08)),
        _Kind((2.4, 3.2), (0.75, 1.0), (-0.1, 0.2), (0.04, 0.09), (0.15, 0.5)),
        _Kind((4.2, 5.4), (0.6, 0.8), (-0.5, 0.1), (0.07, 0.12), (0.08, 0.25), (0.8, 1.5)),
    ),
}
CLASSES: Final[tuple[HeadClass, ...]] = tuple(_KINDS)


@dataclass(frozen=True)
class Form:
    """A sperm in head coordinates, in um."""

    class_name: HeadClass
    outline: Polygon
    acrosome: Polygon
    vacuoles: tuple[Polygon, ...]
    tail: Polygon  # from the neck on; its steps are `TAIL_STEP_UM` long

    @property
    def length_um(self) -> float:
        """Return how long the head is, along its axis."""
        return float(np.ptp(self.outline[:, 0]))

    @property
    def width_um(self) -> float:
        """Return how wide the head is, across its axis."""
        return float(np.ptp(self.outline[:, 1]))

    @property
    def acrosome_share(self) -> float:
        """Return how much of the head's area is acrosome."""
        return area(self.acrosome) / area(self.outline)

    @property
    def vacuole_share(self) -> float:
        """Return how much of the head's area is vacuole."""
        return sum(map(area, self.vacuoles)) / area(self.outline)


def draw_form(class_name: HeadClass, rng: np.random.Generator) -> Form:
    """Draw a sperm of a class."""
    kinds = _KINDS[class_name]
    kind = kinds[int(rng.integers(len(kinds)))]
    outline = _draw_outline(kind, rng)
    return Form(
        class_name,
        outline,
        cap(outline, rng.uniform(*kind.acrosome), tilt=_signed(kind.tilt, rng)),
        _draw_vacuoles(outline, kind, rng),
        _draw_tail(outline[OUTLINE_POINTS // 2], rng.uniform(*kind.bend_rad), rng),
    )


def _signed(span: Span, rng: np.random.Generator) -> float:
    return float(rng.uniform(*span) * rng.choice((-1, 1)))


def _draw_outline(kind: _Kind, rng: np.random.Generator) -> Polygon:
    """Draw an oval, narrow it towards the neck, dent it, and give it its length and width."""
    angle = np.linspace(0, 2 * math.pi, OUTLINE_POINTS, endpoint=False)
    oval = np.stack(
        [np.cos(angle), np.sin(angle) * (1 + rng.uniform(*kind.narrowing) * np.cos(angle))], 1
    )
    size = rng.standard_normal(len(DENTS)) / np.array(DENTS)
    size *= math.sqrt(2) * rng.uniform(*kind.unevenness) / np.linalg.norm(size)
    phase = rng.uniform(0, 2 * math.pi, len(DENTS))
    dents = size @ np.cos(np.array(DENTS)[:, None] * angle + phase[:, None])
    uneven = oval * (1 + dents[:, None])
    length_um = rng.uniform(*kind.length_um)
    sides_um = np.array([length_um, length_um * rng.uniform(*kind.slimness)])
    outline: Polygon = (uneven - middle(uneven)) / np.ptp(uneven, axis=0) * sides_um
    return outline


def _draw_vacuoles(outline: Polygon, kind: _Kind, rng: np.random.Generator) -> tuple[Polygon, ...]:
    """Draw small ovals within the front of a head, apart from each other."""
    around = np.linspace(0, 2 * math.pi, VACUOLE_POINTS, endpoint=False)
    front = float(outline[:, 0].max())
    vacuoles: list[Polygon] = []
    for _ in range(int(rng.integers(kind.vacuoles + 1))):
        radius = math.sqrt(rng.uniform(*kind.vacuole) * area(outline) / math.pi)
        stretch = rng.uniform(0.85, 1.2)
        oval = radius * np.stack([np.cos(around) * stretch, np.sin(around) / stretch], axis=1)
        for _ in range(30):
            place = np.array([rng.uniform(-0.1, 0.8) * front, rng.uniform(-0.7, 0.7)])
            apart = all(
                np.hypot(*(place - middle(other))) > radius + math.sqrt(area(other))
                for other in vacuoles
            )
            if apart and is_within(oval + place, outline):
                vacuoles.append(oval + place)
                break
    return tuple(vacuoles)


def _draw_tail(
    neck: Float64[np.ndarray, " xy"], bend_rad: float, rng: np.random.Generator
) -> Polygon:
    """Draw a tail that starts within the neck and curls slowly, now to this side, now to that."""
    steps = int(rng.uniform(30, 45) / TAIL_STEP_UM)
    along = np.arange(steps) * TAIL_STEP_UM
    waves = rng.uniform(0.1, 0.7, 2)[:, None] * np.sin(
        along / rng.uniform(4, 12, 2)[:, None] + rng.uniform(0, 2 * math.pi, 2)[:, None]
    )
    course = math.pi + bend_rad + rng.uniform(-0.04, 0.04) * along + waves.sum(axis=0)
    course -= (waves.sum(axis=0))[0]
    places = np.cumsum(TAIL_STEP_UM * np.stack([np.cos(course), np.sin(course)], axis=1), axis=0)
    start = neck * 0.93
    tail: Polygon = np.concatenate([start[None], start + places])
    return tail
