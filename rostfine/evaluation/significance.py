"""Whether models differ: over all of them by Kruskal-Wallis, and pair by pair on the same samples.

Kruskal-Wallis is what the RoSTFine paper prints with its Table 2; it takes the models' values for
independent. The paired test does not: it asks how often a difference as large would come about if
the two models were exchanged on each sample by the toss of a coin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray
from scipy.stats import kruskal, rankdata

from rostfine.errors import InputError
from rostfine.evaluation.scores import plain_mean
from rostfine.evaluation.statistics import draw_patients, interval

MOST_EXACT: Final = 14
"""Up to so many units all 2 ** units flips of signs are taken, above them they are drawn."""

MOST_SIGNS: Final = 10_000_000
"""How many signs are held at once."""

PAIR_COLUMNS: Final = (
    "model",
    "other",
    "mean_difference",
    "low",
    "high",
    "p",
    "p_holm",
    "d_z",
    "rank_biserial",
)


@dataclass(frozen=True)
class KruskalWallis:
    """The statistic, its p, and how much of the ranks' variance models explain: 0 to 1."""

    h: float
    p: float
    epsilon_squared: float


def kruskal_wallis(values_by_model: Mapping[str, Float[ndarray, " sample"]]) -> KruskalWallis:
    """Ask whether all models have the same distribution of a metric.

    Epsilon squared is H / (n - 1) (Tomczak and Tomczak 2014). Values that are all equal say
    nothing: H is 0 and p is 1. Raises InputError with fewer than two models.
    """
    _refuse_single(values_by_model)
    values = [values.astype(np.float64) for values in values_by_model.values()]
    together = np.concatenate(values)
    if np.ptp(together) == 0:
        return KruskalWallis(0.0, 1.0, 0.0)
    h, p = kruskal(*values)
    return KruskalWallis(float(h), float(p), float(h) / (len(together) - 1))


def paired_permutation(
    differences: Float[ndarray, " sample"],
    rng: np.random.Generator,
    *,
    patients: Sequence[str] | None = None,
    rounds: int = 10_000,
) -> float:
    """Return the two-sided p of the mean of paired differences, by flips of their signs.

    Given `patients`, all samples of one flip together, because they resemble each other. All flips
    are taken where the units are few (`MOST_EXACT`); else `rounds` are drawn and the observed one
    counts as one more (Phipson and Smyth 2010, arXiv:1603.05766), so that p is never 0.
    """
    sums: Float[ndarray, " unit"] = differences.astype(np.float64)
    if patients is not None:
        _, unit = np.unique(np.asarray(patients, dtype=object), return_inverse=True)
        sums = np.bincount(unit, weights=sums).astype(np.float64)
    # Of equal sums some come out a rounding error smaller.
    least = abs(sums.sum()) - 1e-12 * np.abs(sums).sum()
    if len(sums) <= MOST_EXACT:
        flips = np.arange(2 ** len(sums))
        signs = 1.0 - 2.0 * (flips[:, None] >> np.arange(len(sums)) & 1)
        return float(np.mean(np.abs(signs @ sums) >= least))
    return (1 + _count_extreme(sums, least, rounds, rng)) / (1 + rounds)


def _count_extreme(
    sums: Float[ndarray, " unit"], least: float, rounds: int, rng: np.random.Generator
) -> int:
    at_once = max(1, MOST_SIGNS // len(sums))
    count = 0
    for start in range(0, rounds, at_once):
        size = (min(at_once, rounds - start), len(sums))
        signs = 1.0 - 2.0 * rng.integers(0, 2, size=size, dtype=np.int8)
        count += int((np.abs(signs @ sums) >= least).sum())
    return count


def holm(p_values: Float[ndarray, " test"]) -> Float[ndarray, " test"]:
    """Correct p of several tests for their number (Holm 1979, step-down)."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values), dtype=np.float64)
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return corrected


def cohens_d_z(differences: Float[ndarray, " sample"]) -> float:
    """Return the mean of paired differences in their sds; infinite if constant, 0 if all are 0."""
    mean = float(differences.mean())
    # Constant but for rounding: there is no spread to measure the mean by.
    if np.ptp(differences) <= 1e-12 * abs(mean):
        return float(np.sign(mean) * np.inf) if mean else 0.0
    return mean / float(differences.std(ddof=1))


def rank_biserial(differences: Float[ndarray, " sample"]) -> float:
    """Return the matched-pairs rank-biserial correlation of differences, -1 to 1.

    The share of ranks of their sizes that is positive minus the share that is negative (Kerby
    2014); zeros count for nothing, as in Wilcoxon's test.
    """
    apart = differences[differences != 0]
    if len(apart) == 0:
        return 0.0
    ranks = rankdata(np.abs(apart))
    return float((np.sign(apart) * ranks).sum() / ranks.sum())


def pairwise(
    values_by_model: Mapping[str, Float[ndarray, " sample"]],
    patients: Sequence[str],
    rng: np.random.Generator,
    *,
    rounds: int = 10_000,
    by_patient: bool = True,
    draws: int = 2000,
) -> pd.DataFrame:
    """Compare every two models sample by sample: a row per pair, PAIR_COLUMNS.

    The difference is `model` minus `other`, with a 95 % interval over `draws` of patients. `p` is
    that of `paired_permutation`, with the signs of whole patients unless `by_patient` is False, and
    `p_holm` its correction for all pairs. Effect sizes are over samples.

    Raises InputError with fewer than two models, or fewer than two patients.
    """
    _refuse_single(values_by_model)
    weights = draw_patients(patients, draws, rng)
    units = patients if by_patient else None
    rows = []
    for model, other in combinations(values_by_model, 2):
        apart = values_by_model[model].astype(np.float64) - values_by_model[other]
        found = interval(plain_mean(apart), weights)
        p = paired_permutation(apart, rng, patients=units, rounds=rounds)
        rows.append((model, other, found.mean, found.low, found.high, p, np.nan, *_effects(apart)))
    table = pd.DataFrame(rows, columns=list(PAIR_COLUMNS))
    return table.assign(p_holm=holm(table["p"].to_numpy(np.float64)))


def _effects(differences: Float[ndarray, " sample"]) -> tuple[float, float]:
    return cohens_d_z(differences), rank_biserial(differences)


def _refuse_single(values_by_model: Mapping[str, Float[ndarray, " sample"]]) -> None:
    if len(values_by_model) < 2:
        raise InputError(f"significance: wanted at least two models, got {len(values_by_model)}")
