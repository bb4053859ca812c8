"""What one sperm is like, and how good that makes it.

Every trait that counts can be seen in the video. `quality` is a weighted sum over `TERMS` and reads
nothing but the traits, so that a grade is never decided by background, light, place or debris.

A trait that counts lies between a best and a worst value. Within a population its *badness*, 0 at
the best and 1 at the worst, is uniform; traits of one sperm agree in part, since all of them lean
on one latent number (a Gaussian copula), as defects of one sperm come together in life.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np
from scipy.special import ndtr

NORMAL_ELLIPTICITY: Final = 0.6
"""Width over length of a normal head: 3 um to 5 um (WHO laboratory manual, strict criteria)."""


@dataclass(frozen=True)
class Traits:
    """One sperm: its form and its swimming."""

    head_length_um: float
    head_width_um: float
    head_irregularity: float  # how far the outline strays from an ellipse, relative to its radius
    vacuole_fraction: float  # of the head's area
    vacuole_count: int
    neck_bend_rad: float  # angle between the head's axis and the tail's
    droplet_um: float  # diameter of the residual cytoplasm at the neck
    tail_length_um: float  # the part thick enough to be seen
    beat_amplitude_um: float
    beat_frequency_hz: float
    speed_um_s: float


@dataclass(frozen=True)
class Term:
    """One part of the quality: what is measured, between which values, with which weight."""

    name: str
    measure: Callable[[Traits], float]
    best: float
    worst: float
    weight: float
    is_motion: bool


# Slow beats and speeds are those of sperm in the viscous drop (PVP) in which they are chosen for
# injection; they also stay below half of 15 frames a second, so that a beat can be seen as such.
TERMS: Final = (
    Term("head_shape", lambda t: shape_error(t), 0.0, 0.47, 0.20, False),
    Term("head_irregularity", lambda t: t.head_irregularity, 0.0, 0.20, 0.10, False),
    Term("vacuole_fraction", lambda t: t.vacuole_fraction, 0.0, 0.45, 0.16, False),
    Term("neck_bend_rad", lambda t: t.neck_bend_rad, 0.0, 1.3, 0.14, False),
    Term("droplet_um", lambda t: t.droplet_um, 0.0, 3.6, 0.10, False),
    Term("beat_amplitude_um", lambda t: t.beat_amplitude_um, 2.6, 0.2, 0.14, True),
    Term("beat_frequency_hz", lambda t: t.beat_frequency_hz, 6.0, 1.0, 0.06, True),
    Term("speed_um_s", lambda t: t.speed_um_s, 28.0, 2.0, 0.10, True),
)

LOADING: Final = 0.88
"""Usual correlation of each trait, as a Gaussian, with the latent number of its sperm."""

ROUND_SHARE: Final = 0.7
"""Share of misshapen heads that are too round; the others are too thin."""


def shape_error(traits: Traits) -> float:
    """Return by what factor width over length is too great or too small, as a logarithm."""
    return abs(math.log(traits.head_width_um / traits.head_length_um / NORMAL_ELLIPTICITY))


def badness(traits: Traits, term: Term) -> float:
    """Return where a trait lies between its best (0) and its worst (1)."""
    return (term.measure(traits) - term.best) / (term.worst - term.best)


GradesFrom = Literal["all", "shape", "motion"]
"""What experts look at: every trait that counts, or form alone, or movement alone."""


def terms_of(grades_from: GradesFrom) -> tuple[Term, ...]:
    """Return the terms that count where experts look at this."""
    return tuple(
        t for t in TERMS if grades_from == "all" or t.is_motion == (grades_from == "motion")
    )


def quality(traits: Traits, grades_from: GradesFrom = "all", *, loading: float = LOADING) -> float:
    """Return the weighted sum of the standardised traits: mean 0 and sd 1 in the population."""
    terms = terms_of(grades_from)
    weighted = sum(term.weight * (0.5 - badness(traits, term)) for term in terms)
    return weighted / _population_sd(terms, loading)


def draw_traits(latent: float, rng: np.random.Generator, *, loading: float = LOADING) -> Traits:
    """Draw a sperm whose traits lean on `latent`, which is standard normal in the population."""
    own = rng.standard_normal(len(TERMS))
    leaning = ndtr(-(loading * latent + math.sqrt(1 - loading**2) * own))
    value = {
        term.name: term.best + (term.worst - term.best) * float(bad)
        for term, bad in zip(TERMS, leaning, strict=True)
    }
    side = 1.0 if rng.random() < ROUND_SHARE else -1.0
    length_um = float(rng.normal(5.0, 0.15))
    # Heads too round are also short, those too thin also long: the area stays about the same.
    ellipticity = NORMAL_ELLIPTICITY * math.exp(side * value["head_shape"])
    length_um *= math.exp(-0.35 * side * value["head_shape"])
    return Traits(
        head_length_um=length_um,
        head_width_um=length_um * ellipticity,
        head_irregularity=value["head_irregularity"],
        vacuole_fraction=value["vacuole_fraction"],
        vacuole_count=int(rng.integers(1, 4)),
        neck_bend_rad=value["neck_bend_rad"],
        droplet_um=value["droplet_um"],
        tail_length_um=float(rng.uniform(17.0, 21.0)),
        beat_amplitude_um=value["beat_amplitude_um"],
        beat_frequency_hz=value["beat_frequency_hz"],
        speed_um_s=value["speed_um_s"],
    )


@cache
def _population_sd(terms: tuple[Term, ...], loading: float) -> float:
    # Two uniform numbers made from Gaussians of correlation r are correlated by 6/pi asin(r/2).
    together = 6 / math.pi * math.asin(loading**2 / 2)
    squares = sum(term.weight**2 for term in terms)
    total = sum(term.weight for term in terms)
    return math.sqrt((squares + together * (total**2 - squares)) / 12)
