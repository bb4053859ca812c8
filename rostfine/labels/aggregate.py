"""Votes to soft labels: the share of experts who chose each grade (WACV 2024, section 3)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float64
from numpy import ndarray

from rostfine.errors import VoteError
from rostfine.labels.votes import last_votes
from rostfine.params import LabelParams
from rostfine.schemas import GRADE_COLUMNS, GRADES, LABELS

POINTS = np.arange(len(GRADES), dtype=np.float64)
"""Grade A counts 0, grade E counts 4, wherever a mean or a spread of grades is taken."""


def aggregate_votes(
    votes: pd.DataFrame, samples: Sequence[str], params: LabelParams
) -> pd.DataFrame:
    """Make one row of `schemas.LABELS` for each of `samples` that has enough votes.

    Raises VoteError naming the samples that have too few, unless params say to leave them out.
    """
    counts = _count(last_votes(votes), samples)
    n_votes = counts.sum(axis=1)
    too_few = [
        f"data/votes: {sample}: {n} votes; wanted at least {params.min_votes} (labels.min_votes)"
        for sample, n in n_votes.items()
        if n < params.min_votes
    ]
    if too_few and params.on_missing_votes == "stop":
        raise VoteError.of_faults([*too_few, "labels.on_missing_votes: skip leaves such clips out"])
    enough = counts[n_votes >= max(params.min_votes, 1)]
    if enough.empty:
        raise VoteError("no clip has votes enough for a label")
    return _describe(enough)


def _count(votes: pd.DataFrame, samples: Sequence[str]) -> pd.DataFrame:
    counts = votes.groupby(["sample_id", "grade"]).size().unstack(fill_value=0)
    return counts.reindex(index=list(samples), columns=list(GRADES), fill_value=0)


def _describe(counts: pd.DataFrame) -> pd.DataFrame:
    n = counts.to_numpy(np.float64)
    total = n.sum(axis=1)
    share = n / total[:, None]
    mean = share @ POINTS
    labels = pd.DataFrame(dict(zip(GRADE_COLUMNS, share.T, strict=True)))
    labels["sample_id"] = counts.index.to_numpy()
    labels["n_votes"] = total.astype(np.int64)
    # argmax takes the first of equals: a tie goes to the better grade.
    labels["mode"] = np.array(GRADES)[share.argmax(axis=1)]
    labels["mean"] = mean
    labels["sd"] = np.sqrt(np.maximum(share @ POINTS**2 - mean**2, 0.0))
    labels["entropy"] = -np.sum(share * np.log(np.where(share > 0, share, 1.0)), axis=1)
    labels["agreement"] = _agreement(n, total)
    return labels[list(LABELS.columns)]


def _agreement(
    counts: Float64[ndarray, "sample grade"], total: Float64[ndarray, " sample"]
) -> Float64[ndarray, " sample"]:
    """Share of pairs of experts who agree on the grade (Fleiss 1971, P_i); 1 for a single vote."""
    pairs = total * (total - 1)
    same = (counts * (counts - 1)).sum(axis=1)
    return np.where(pairs > 0, same / np.maximum(pairs, 1), 1.0)
