"""What a sperm of a semen sample looks like at low magnification, with and without defects.

Defects are somewhat larger than in life, so that they can be seen at one micrometre per pixel.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from rostfine.simulate.sperm import NORMAL_ELLIPTICITY, Traits

FURTHEST_UM: Final = 48.0
"""No part of a sperm is further from the middle of its head."""
BEND_SD_RAD: Final = 0.5
COIL_RAD: Final = (8.0, 11.0)
"""How far a coiled tail turns from its neck to its end."""
MISSHAPEN_UM: Final = (
    (8.0, 7.0),  # large and round
    (9.5, 2.8),  # thin
    (2.4, 2.2),  # a pin's
)
"""Length and width of heads that no strict criteria would pass."""


@dataclass(frozen=True)
class Form:
    """One sperm as it is seen; `traits` has no vacuoles and no motion, which cannot be seen."""

    head_defect: bool
    midpiece_defect: bool
    tail_defect: bool
    traits: Traits
    curl_rad: float  # how far the tail's axis turns from neck to end; its sign is the side
    neck_rad: float  # the signed angle between the axes of head and tail
    waves: float  # wavelengths of the beat along the tail
    light: float  # of the head, 1 for the brightest


def draw_forms(
    count: int, shares: tuple[float, float, float], rng: np.random.Generator
) -> tuple[Form, ...]:
    """Draw `count` sperm; exactly the nearest whole number to each share has a defect.

    Shares are those of head, midpiece and tail. More of a defect adds it to sperm that are else
    the same.
    """
    has = np.stack([rng.permutation(count) < round(share * count) for share in shares], axis=1)
    return tuple(_draw_form(*flags, rng=rng) for flags in has.tolist())


def _draw_form(head: bool, midpiece: bool, tail: bool, *, rng: np.random.Generator) -> Form:
    # Everything is drawn of every sperm, so that the next ones do not depend on its defects.
    normal_um, size = rng.normal(5.4, 0.2), rng.uniform(0.9, 1.1)
    misshapen_um = MISSHAPEN_UM[rng.integers(len(MISSHAPEN_UM))]
    side, curl_rad = rng.choice((-1.0, 1.0)), rng.normal(0, BEND_SD_RAD)
    neck_rad, coil_rad = rng.uniform(1.1, 1.9), rng.uniform(*COIL_RAD)
    long_um, short_um, droplet_um = rng.uniform(30, 38), rng.uniform(5, 9), rng.uniform(4.0, 5.5)
    amplitude_um, waves, light = rng.uniform(2.2, 3.4), rng.uniform(0.9, 1.2), rng.uniform(0.75, 1)
    has_droplet, is_short = rng.random(2) < 0.5
    is_coiled = tail and not is_short
    length_um, width_um = misshapen_um if head else (normal_um, NORMAL_ELLIPTICITY * normal_um)
    return Form(
        head_defect=head,
        midpiece_defect=midpiece,
        tail_defect=tail,
        traits=Traits(
            head_length_um=float(length_um * size),
            head_width_um=float(width_um * size),
            head_irregularity=0.0,
            vacuole_fraction=0.0,
            vacuole_count=1,
            neck_bend_rad=float(neck_rad) if midpiece and not has_droplet else 0.0,
            droplet_um=float(droplet_um) if midpiece and has_droplet else 0.0,
            tail_length_um=float(short_um if tail and is_short else long_um),
            # What is coiled or short cannot swing far.
            beat_amplitude_um=float(amplitude_um) * (0.3 if tail else 1.0),
            beat_frequency_hz=0.0,
            speed_um_s=0.0,
        ),
        curl_rad=float(math.copysign(coil_rad, curl_rad) if is_coiled else curl_rad),
        neck_rad=float(side * neck_rad) if midpiece and not has_droplet else 0.0,
        waves=float(waves) * (0.3 if tail else 1.0),
        light=float(light),
    )
