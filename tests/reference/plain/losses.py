"""Losses of distributions (sample, grade), and the diversity of features (sample, dim)."""

import math
from collections.abc import Sequence

import numpy as np


def mse(predicted: np.ndarray, wanted: np.ndarray) -> float:
    """Eq. 12."""
    return float(((predicted - wanted) ** 2).mean())


def js(predicted: np.ndarray, wanted: np.ndarray) -> float:
    """Eqs. 14 and 15: half of one divergence and half of the other, from the middle."""
    divergences = []
    for p, q in zip(predicted, wanted, strict=True):
        middle = (p + q) / 2
        divergences.append((_kl(p, middle) + _kl(q, middle)) / 2)
    return sum(divergences) / len(divergences)


def js_published(first: np.ndarray, second: np.ndarray) -> float:
    """Half of the second divergence only, and 1e-5 in the logarithm.

    In training `first` is the label, in evaluation the prediction.
    """
    total = 0.0
    for p, q in zip(first, second, strict=True):
        middle = (p + q) / 2
        total += (p * np.log((p + 1e-5) / middle)).sum()
        total += (q * np.log((q + 1e-5) / middle)).sum() / 2
    return float(total) / len(first)


def emd(predicted: np.ndarray, wanted: np.ndarray) -> float:
    """Squared differences of the cumulative distributions, summed over grades."""
    total = 0.0
    for p, q in zip(predicted, wanted, strict=True):
        for grade in range(len(p)):
            total += (p[: grade + 1].sum() - q[: grade + 1].sum()) ** 2
    return float(total) / len(predicted)


def ce(predicted: np.ndarray, wanted: np.ndarray) -> float:
    """Cross-entropy in nats."""
    return float(-(wanted * np.log(predicted)).sum(axis=1).mean())


def diversity(features: Sequence[np.ndarray], pairs: Sequence[tuple[int, int]]) -> float:
    """Mean absolute cosine over samples and pairs of branches (eqs. 17 and 18)."""
    cosines = []
    for one, other in pairs:
        for v, w in zip(features[one], features[other], strict=True):
            cosines.append(abs(v @ w) / (math.sqrt(v @ v) * math.sqrt(w @ w)))
    return float(sum(cosines)) / len(cosines)


def _kl(given: np.ndarray, reference: np.ndarray) -> float:
    # 0 log 0 = 0.
    return sum(float(p) * math.log(p / q) for p, q in zip(given, reference, strict=True) if p > 0)
