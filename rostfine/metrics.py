"""How far predicted grade distributions are from true ones, in float64."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from jaxtyping import Float, Int64

from rostfine.variants import PUBLISHED_KL_SHIFT, Variant

Metric = Callable[[np.ndarray, np.ndarray], np.ndarray]

CE_FLOOR: Final = float(np.finfo(np.float32).eps)
"""Below it single precision, in which models predict, does not tell a probability from none."""


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


def ce(
    predicted: Float[np.ndarray, "sample grade"], true: Float[np.ndarray, "sample grade"]
) -> Float[np.ndarray, " sample"]:
    """Cross-entropy of each sample in nats; a probability below `CE_FLOOR` counts as that."""
    logs = np.log(np.maximum(_precise(predicted), CE_FLOOR))
    return np.asarray(-(_precise(true) * logs).sum(axis=1))


def published_js(
    predicted: Float[np.ndarray, "sample grade"], true: Float[np.ndarray, "sample grade"]
) -> Float[np.ndarray, " sample"]:
    """The published JS, whose first term is not halved: KL(predicted, m) + KL(true, m) / 2."""
    predicted, true = _precise(predicted), _precise(true)
    middle = (predicted + true) / 2

    def kl(given: np.ndarray) -> np.ndarray:
        return np.asarray((given * np.log((given + PUBLISHED_KL_SHIFT) / middle)).sum(axis=1))

    return kl(predicted) + kl(true) / 2


def hi(
    predicted: Float[np.ndarray, "sample grade"], true: Float[np.ndarray, "sample grade"]
) -> Float[np.ndarray, " sample"]:
    """Histogram intersection, the share on which both agree (the EMD paper's eq. 7): 1 is equal."""
    return np.asarray(np.minimum(_precise(predicted), _precise(true)).sum(axis=1))


def grade_error(
    predicted: Float[np.ndarray, "sample grade"], true: Float[np.ndarray, "sample grade"]
) -> Float[np.ndarray, " sample"]:
    """How far the expected grade of each sample is off, in grades: 0 to 4 (A is 0, E is 4)."""
    points = np.arange(predicted.shape[1], dtype=np.float64)
    return np.abs(_precise(predicted) @ points - _precise(true) @ points)


METRICS: Final[Mapping[str, Metric]] = {"mse": mse, "js": js, "emd": emd, "ce": ce}
"""Distances per sample, smaller is better."""


def metrics_of(variant: Variant) -> Mapping[str, Metric]:
    """Return every distance by name, as `variant` has it."""
    return {**METRICS, "js": published_js} if variant.js_precedence else METRICS


def balanced_accuracy(
    predicted: Float[np.ndarray, "sample grade"],
    true: Float[np.ndarray, "sample grade"],
    rank: int = 1,
    *,
    ascending: bool = False,
) -> float:
    """Return the mean recall of the `rank`-th most selected grade over the grades that are true.

    `rank` 1 is the most selected grade of each sample, 5 the least; of equally selected grades
    the better one comes first. `ascending` counts as the published code does: 1 is the least
    selected, of equals again the better one first.
    """
    sign = -1 if ascending else 1
    guess = grades_by_share(sign * predicted)[:, rank - 1]
    truth = grades_by_share(sign * true)[:, rank - 1]
    recalls = [np.mean(guess[truth == grade] == grade) for grade in np.unique(truth)]
    return float(np.mean(recalls))


def evaluate_variant(
    predicted: Float[np.ndarray, "sample grade"],
    true: Float[np.ndarray, "sample grade"],
    variant: Variant,
) -> dict[str, float]:
    """Return the means of each distance and of `hi`, and balanced accuracies `bacc_1` to `bacc_5`.

    As `variant` defines them: where it is not the paper's, they do not compare with others.
    """
    by_sample = {**metrics_of(variant), "hi": hi}
    means = {name: float(metric(predicted, true).mean()) for name, metric in by_sample.items()}
    ranks = range(1, predicted.shape[1] + 1)
    ascending = variant.ranks_ascending
    return means | {
        f"bacc_{rank}": balanced_accuracy(predicted, true, rank, ascending=ascending)
        for rank in ranks
    }


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
