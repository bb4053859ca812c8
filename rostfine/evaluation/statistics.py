"""Means over folds, and bootstrap intervals that draw patients, not clips.

Clips of one patient resemble each other, so drawing clips as if they were independent would make
intervals too narrow: the bootstrap draws whole patients (a cluster bootstrap, Davison & Hinkley,
"Bootstrap Methods and their Application", 1997, section 3.8) and takes percentiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from rostfine.errors import InputError

COVERAGE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean over samples, and the limits between which a bootstrap says that it lies."""

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


@dataclass(frozen=True)
class Score:
    """A metric of every sample, as parts whose macro means are averaged.

    `values` are per part and sample; `strata` say for each which stratum it belongs to. The macro
    mean of a part is the mean over its strata of the mean in each. A plain mean has one part and
    one stratum; balanced accuracy has hits as values and true grades as strata.
    """

    values: Float[ndarray, "part sample"]
    strata: Int[ndarray, "part sample"]

    def mean(self) -> float:
        """Return the metric over all samples."""
        return float(self.resampled(np.ones((1, self.values.shape[1])))[0])

    def of(self, chosen: ndarray) -> "Score":
        """Return the score of some samples only; `chosen` is a mask or an index."""
        return Score(self.values[:, chosen], self.strata[:, chosen])

    def minus(self, other: "Score") -> "Score":
        """Return this score minus `other`, sample by sample: paired."""
        if not np.array_equal(self.strata, other.strata):
            raise ValueError("scores of other strata cannot be paired")
        return Score(self.values - other.values, self.strata)

    def resampled(self, weights: Float[ndarray, "round sample"]) -> Float[ndarray, " round"]:
        """Return the metric in each round, where sample i counts `weights[round, i]` times."""
        parts = [_macro_mean(v, s, weights) for v, s in zip(self.values, self.strata, strict=True)]
        mean: Float[ndarray, " round"] = np.stack(parts).mean(axis=0)
        return mean


def plain_score(values: Float[ndarray, " sample"]) -> Score:
    """Return the score whose metric is the mean of `values`."""
    return Score(values[None].astype(np.float64), np.zeros((1, len(values)), dtype=np.int64))


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
    score: Score, weights: Float[ndarray, "round sample"], *, coverage: float = COVERAGE
) -> Interval:
    """Return the metric and its percentile interval over the rounds of `weights`."""
    tail = (1 - coverage) / 2
    low, high = np.quantile(score.resampled(weights), [tail, 1 - tail])
    return Interval(score.mean(), float(low), float(high))


def bootstrap_mean(
    values: Float[ndarray, " sample"],
    patients: Sequence[str],
    rng: np.random.Generator,
    *,
    rounds: int = 2000,
) -> Interval:
    """Return the mean of a metric per sample with its 95 % interval over patients."""
    return interval(plain_score(values), draw_patients(patients, rounds, rng))


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


def _macro_mean(
    values: Float[ndarray, " sample"],
    strata: Int[ndarray, " sample"],
    weights: Float[ndarray, "round sample"],
) -> Float[ndarray, " round"]:
    """Mean over strata of the mean in each; a stratum that a round did not draw is left out."""
    _, of_sample = np.unique(strata, return_inverse=True)
    member = np.eye(of_sample.max() + 1)[of_sample]
    sums, counts = weights @ (member * values[:, None]), weights @ member
    drawn = counts > 0
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=drawn)
    macro: Float[ndarray, " round"] = means.sum(axis=1) / drawn.sum(axis=1)
    return macro
