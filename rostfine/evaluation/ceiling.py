"""How well one half of the experts predicts the other half: how far experts agree at all.

A half has fewer votes than the label has, so its shares are rougher: a model may come closer to the
label of all experts than one half comes to the other.
"""

from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float, UInt8
from numpy import ndarray

from rostfine.evaluation.comparison import PATIENT, SAMPLE
from rostfine.evaluation.definitions import METRIC_NAMES, compute_scores
from rostfine.evaluation.tables import Truth, by_patient
from rostfine.schemas import GRADES

SPLITS: Final = 50
WITHOUT_CEILING: Final = frozenset({"ce"})
"""CE has no bound where one half gives a grade nothing that the other half chose, as is usual."""

CEILING_COLUMNS: Final = ("level", "metric", "mean", "low", "high", "samples")


def experts_ceiling(
    votes: pd.DataFrame,
    truth: Truth,
    rng: np.random.Generator,
    *,
    splits: int = SPLITS,
    least_votes: int = 1,
) -> pd.DataFrame:
    """Return every metric of one half of the experts held against the other: CEILING_COLUMNS.

    The experts, not the votes, are split at random `splits` times into halves (of an odd number one
    is larger), and each half predicts the other: `mean` is over both ways of all splits, `low` and
    `high` are the 2.5 and 97.5 percentiles over splits. A sample with fewer than `least_votes` of
    either half is left out of that split; `samples` is how many stayed on average. `votes` has one
    vote per expert and sample at most (`last_votes`). Empty with fewer than two experts.
    """
    cast = _cast(votes, truth)
    found = []
    for _ in range(splits if len(cast) > 1 else 0):
        one, other, kept = _halve(cast, rng, least_votes)
        if kept.any():
            found += _both_ways(one[kept], other[kept], _of(truth, kept))
    table = pd.DataFrame(found, columns=["level", "metric", "value", "samples"])
    return _sum_up(table.astype({"value": np.float64, "samples": np.float64}))


def _cast(votes: pd.DataFrame, truth: Truth) -> UInt8[ndarray, "expert sample grade"]:
    """1 where an expert gave a sample a grade."""
    known = votes[votes["sample_id"].isin(truth.sample_ids)]
    expert, names = pd.factorize(known["expert_id"], sort=True)
    sample = pd.Index(truth.sample_ids).get_indexer(pd.Index(known["sample_id"]))
    grade = pd.Index(GRADES).get_indexer(pd.Index(known["grade"]))
    cast = np.zeros((len(names), len(truth.sample_ids), len(GRADES)), dtype=np.uint8)
    cast[expert, sample, grade] = 1
    return cast


def _halve(
    cast: UInt8[ndarray, "expert sample grade"], rng: np.random.Generator, least_votes: int
) -> tuple[Float[ndarray, "sample grade"], Float[ndarray, "sample grade"], ndarray]:
    """Return the distributions of two halves, and which samples have votes enough of both."""
    order = rng.permutation(len(cast))
    halves = np.array_split(order, 2)
    one, other = (cast[half].sum(axis=0, dtype=np.float64) for half in halves)
    kept = np.minimum(one.sum(axis=1), other.sum(axis=1)) >= max(least_votes, 1)
    shares = [counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) for counts in (one, other)]
    return shares[0], shares[1], kept


def _of(truth: Truth, kept: ndarray) -> Truth:
    """The kept samples, all in one fold: experts were not trained on any."""
    chosen = np.flatnonzero(kept)
    return Truth(
        tuple(truth.sample_ids[row] for row in chosen),
        truth.labels[chosen],
        np.zeros(len(chosen), dtype=np.int64),
        tuple(truth.patients[row] for row in chosen),
    )


def _both_ways(
    one: Float[ndarray, "sample grade"], other: Float[ndarray, "sample grade"], truth: Truth
) -> list[tuple[str, str, float, int]]:
    """Level, metric, its mean of both ways, and the number of samples."""
    patients, _ = by_patient({"one": one, "other": other}, truth)
    levels = {SAMPLE: (one, other), PATIENT: (patients["one"], patients["other"])}
    rows = []
    for level, (first, second) in levels.items():
        ways = [compute_scores(first, second), compute_scores(second, first)]
        rows += [
            (level, metric, float(np.mean([way[metric].value() for way in ways])), len(first))
            for metric in METRIC_NAMES
            if metric not in WITHOUT_CEILING
        ]
    return rows


def _sum_up(found: pd.DataFrame) -> pd.DataFrame:
    groups = found.groupby(["level", "metric"], sort=False)
    value = groups["value"]
    summed = pd.DataFrame(
        {
            "mean": value.mean(),
            "low": value.quantile(0.025),
            "high": value.quantile(0.975),
            "samples": groups["samples"].mean(),
        }
    )
    return summed.reset_index()[list(CEILING_COLUMNS)]
