"""Means over folds, and bootstrap intervals that draw patients, not clips.

Clips of one patient resemble each other, so drawing clips as if they were independent would make
intervals too narrow: the bootstrap draws whole patients (a cluster bootstrap, Davison & Hinkley,
"Bootstrap Methods and their Application", 1997, section 3.8) and takes percentiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from rostfine.errors import InputError
from rostfine.evaluation.scores import Statistic, plain_mean

COVERAGE = 0.95


@dataclass(frozen=True)
class Interval:
    """A metric, and the limits between which a bootstrap says that it lies."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval is on one side of zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class FoldSpread:
    """Mean and standard deviation of a metric over the folds."""

    mean: float
    sd: float


def draw_patients(
    patients: Sequence[str], rounds: int, rng: np.random.Generator
) -> Float[ndarray, "round sample"]:
    """Draw patients with replacement: how often each sample counts in each round.

    Raises InputError if there are fewer than two patients, because then nothing can be drawn.
    """
    names, of_sample = np.unique(np.asarray(patients, dtype=object), return_inverse=True)
    if len(names) < 2:
        raise InputError(f"bootstrap: wanted samples of at least two patients, got {len(names)}")
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=rounds)
    return drawn[:, of_sample].astype(np.float64)


def interval(
    score: Statistic, weights: Float[ndarray, "round sample"], *, coverage: float = COVERAGE
) -> Interval:
    """Return the metric and its percentile interval over the rounds of `weights`."""
    return percentiles(score.value(), score.resampled(weights), coverage=coverage)


def percentiles(
    value: float, drawn: Float[ndarray, " round"], *, coverage: float = COVERAGE
) -> Interval:
    """Return `value` and the limits that hold the middle `coverage` of what was drawn."""
    tail = (1 - coverage) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def bootstrap_mean(
    values: Float[ndarray, " sample"],
    patients: Sequence[str],
    rng: np.random.Generator,
    *,
    rounds: int = 2000,
) -> Interval:
    """Return the mean of a metric per sample with its 95 % interval over patients."""
    return interval(plain_mean(values), draw_patients(patients, rounds, rng))


def bootstrap_difference(
    values: Float[ndarray, " sample"],
    others: Float[ndarray, " sample"],
    patients: Sequence[str],
    rng: np.random.Generator,
    *,
    rounds: int = 2000,
) -> Interval:
    """Return the mean of `values - others`, paired by sample, with its 95 % interval."""
    return bootstrap_mean(values - others, patients, rng, rounds=rounds)


def over_folds(values: Float[ndarray, " fold"]) -> FoldSpread:
    """Return mean and standard deviation over folds.

    The standard deviation divides by the number of folds, not by one less, as in the published
    tables (numpy's default).
    """
    return FoldSpread(float(np.mean(values)), float(np.std(values)))
