"""Metrics that can be taken again of some samples, or of samples that count several times.

That is all that a bootstrap needs, so each metric is recomputed in every draw, also those that are
no mean over samples: quantiles, F1, calibration error.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray


@dataclass(frozen=True)
class Statistic(ABC):
    """A metric with what it needs of every sample; of each array the last axis is samples."""

    @abstractmethod
    def resampled(self, weights: Float[ndarray, "round sample"]) -> Float[ndarray, " round"]:
        """Return the metric in each round, where sample i counts `weights[round, i]` times."""

    def value(self) -> float:
        """Return the metric over all samples."""
        samples = next(iter(self._arrays().values())).shape[-1]
        return float(self.resampled(np.ones((1, samples)))[0])

    def of(self, chosen: ndarray) -> "Statistic":
        """Return the metric of some samples only; `chosen` is a mask or an index."""
        return replace(self, **{name: a[..., chosen] for name, a in self._arrays().items()})

    def _arrays(self) -> dict[str, ndarray]:
        return {name: value for name, value in vars(self).items() if isinstance(value, ndarray)}


@dataclass(frozen=True)
class MacroMean(Statistic):
    """Parts whose macro means are averaged.

    `strata` say for each part to which stratum a sample belongs. The macro mean of a part is the
    mean over its strata of the mean in each; a stratum that a round did not draw is left out. A
    plain mean has one part and one stratum; balanced accuracy has hits as values and true grades
    as strata.
    """

    values: Float[ndarray, "part sample"]
    strata: Int[ndarray, "part sample"]

    def resampled(self, weights: Float[ndarray, "round sample"]) -> Float[ndarray, " round"]:
        """Return the metric in each round, where sample i counts `weights[round, i]` times."""
        parts = [_macro_mean(v, s, weights) for v, s in zip(self.values, self.strata, strict=True)]
        return np.asarray(np.stack(parts).mean(axis=0))


@dataclass(frozen=True)
class MacroQuantile(Statistic):
    """The mean over strata of a quantile of each, between neighbours as numpy has it."""

    values: Float[ndarray, " sample"]
    strata: Int[ndarray, " sample"]
    level: float

    def resampled(self, weights: Float[ndarray, "round sample"]) -> Float[ndarray, " round"]:
        """Return the metric in each round; `weights` are whole numbers."""
        members = [self.strata == stratum for stratum in np.unique(self.strata)]
        found = [_quantile(self.values[m], weights[:, m], self.level) for m in members]
        return np.asarray(np.nanmean(np.stack(found), axis=0))


@dataclass(frozen=True)
class MacroF1(Statistic):
    """The mean F1 of the grades that were guessed or true; 0 where a grade was never hit."""

    guess: Int[ndarray, " sample"]
    truth: Int[ndarray, " sample"]

    def resampled(self, weights: Float[ndarray, "round sample"]) -> Float[ndarray, " round"]:
        """Return the metric in each round, where sample i counts `weights[round, i]` times."""
        grades = np.union1d(self.guess, self.truth)
        guessed, true = self.guess[:, None] == grades, self.truth[:, None] == grades
        hits = weights @ (guessed & true).astype(np.float64)
        claimed = weights @ (guessed.astype(np.float64) + true)
        met = claimed > 0
        f1 = np.divide(2 * hits, claimed, out=np.zeros_like(hits), where=met)
        return np.asarray(f1.sum(axis=1) / met.sum(axis=1))


def plain_mean(values: Float[ndarray, " sample"] | Bool[ndarray, " sample"]) -> MacroMean:
    """Return the metric that is the mean of `values`."""
    return macro_mean(values, np.zeros(len(values), dtype=np.int64))


def macro_mean(
    values: Float[ndarray, " sample"] | Bool[ndarray, " sample"], strata: Int[ndarray, " sample"]
) -> MacroMean:
    """Return the metric that is the mean over strata of the mean of `values` in each."""
    return MacroMean(values[None].astype(np.float64), strata[None])


def _macro_mean(
    values: Float[ndarray, " sample"],
    strata: Int[ndarray, " sample"],
    weights: Float[ndarray, "round sample"],
) -> Float[ndarray, " round"]:
    _, of_sample = np.unique(strata, return_inverse=True)
    member = np.eye(of_sample.max() + 1)[of_sample]
    sums, counts = weights @ (member * values[:, None]), weights @ member
    drawn = counts > 0
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=drawn)
    return np.asarray(means.sum(axis=1) / drawn.sum(axis=1))


def _quantile(
    values: Float[ndarray, " sample"], weights: Float[ndarray, "round sample"], level: float
) -> Float[ndarray, " round"]:
    """The linear quantile of samples that count several times; NaN where none was drawn."""
    order = np.argsort(values, kind="stable")
    ordered, counted = values[order], weights[:, order].cumsum(axis=1)
    # The last of n values that lies below is number floor(level * (n - 1)), counted from 0.
    place = level * (counted[:, -1] - 1)
    below, above = np.floor(place), np.ceil(place)
    low, high = (
        ordered[np.minimum((counted <= rank[:, None]).sum(axis=1), len(ordered) - 1)]
        for rank in (below, above)
    )
    found = low + (place - below) * (high - low)
    return np.where(counted[:, -1] > 0, found, np.nan)
