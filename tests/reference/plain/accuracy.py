"""Balanced accuracy of one rank of the grades."""

import numpy as np


def balanced_accuracy(
    predicted: np.ndarray, true: np.ndarray, rank: int, *, ascending: bool = False
) -> float:
    """Mean recall of the grade of rank 1 to 5 over the grades that are true.

    Rank 1 is the most selected grade, or the least if `ascending` as in the published code; of
    equally selected grades the one of the lower index comes first.
    """
    right: dict[int, list[bool]] = {}
    for guess, truth in zip(predicted, true, strict=True):
        wanted = _ranked(truth, ascending)[rank - 1]
        right.setdefault(wanted, []).append(_ranked(guess, ascending)[rank - 1] == wanted)
    recalls = [sum(hits) / len(hits) for hits in right.values()]
    return sum(recalls) / len(recalls)


def _ranked(distribution: np.ndarray, ascending: bool) -> list[int]:
    sign = 1 if ascending else -1
    return sorted(range(len(distribution)), key=lambda grade: (sign * distribution[grade], grade))
