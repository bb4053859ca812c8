"""How far predicted grade distributions are from true ones, in float64."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from jaxtyping import Float, Int64

Metric = Callable[[np.ndarray, np.ndarray], np.ndarray]


def mse(
    predicted: Float[np.ndarray, "sample grade"], true: Float[np.ndarray, "sample grade"]
) -> Float[np.ndarray, " sample"]:
    """Mean squared error over the grades of each sample (eq. 12)."""
    squares = np.square(_precise(predicted) - _precise(true))
    return np.asarray(squares.mean(axis=1))


def js(
    predicted: Float[np.ndarray, "sample grade"], true: Float[np.ndarray, "sample grade"]
) -> Float[np.ndarray, " sample"]:
    """Jensen-Shannon divergence of each sample in nats: 0 to log 2 (eqs. 14 and 15)."""
    predicted, true = _precise(predicted), _precise(true)
    middle = (predicted + true) / 2
    return np.asarray(_kl(predicted, middle) + _kl(true, middle)) / 2


def emd(
    predicted: Float[np.ndarray, "sample grade"], true: Float[np.ndarray, "sample grade"]
) -> Float[np.ndarray, " sample"]:
    """Sum of squared differences of the cumulative distributions of each sample."""
    difference = _precise(predicted) - _precise(true)
    return np.asarray(np.square(difference.cumsum(axis=1)).sum(axis=1))


METRICS: Final[Mapping[str, Metric]] = {"mse": mse, "js": js, "emd": emd}
"""Distances per sample, smaller is better."""


def balanced_accuracy(
    predicted: Float[np.ndarray, "sample grade"],
    true: Float[np.ndarray, "sample grade"],
    rank: int = 1,
) -> float:
    """Return the mean recall of the `rank`-th most selected grade over the grades that are true.

    `rank` 1 is the most selected grade of each sample, 5 the least; of equally selected grades
    the better one comes first.
    """
    guess = grades_by_share(predicted)[:, rank - 1]
    truth = grades_by_share(true)[:, rank - 1]
    recalls = [np.mean(guess[truth == grade] == grade) for grade in np.unique(truth)]
    return float(np.mean(recalls))


def grades_by_share(
    distribution: Float[np.ndarray, "sample grade"],
) -> Int64[np.ndarray, "sample grade"]:
    """Order grades from the most to the least selected; of equals the better comes first."""
    return np.argsort(-distribution, axis=1, kind="stable")


def _kl(
    given: Float[np.ndarray, "sample grade"], reference: Float[np.ndarray, "sample grade"]
) -> Float[np.ndarray, " sample"]:
    # The reference is zero only where the given is zero, which then counts for nothing.
    safe = np.where(given > 0, reference, 1.0)
    return np.asarray((given * np.log(np.where(given > 0, given, 1.0) / safe)).sum(axis=1))


def _precise(
    distribution: Float[np.ndarray, "sample grade"],
) -> Float[np.ndarray, "sample grade"]:
    return distribution.astype(np.float64)
