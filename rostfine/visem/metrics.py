"""How far predicted percentages are off: as published, and as a clinic asks.

The paper counts stacks: every stack of every video is a prediction. A clinic has participants: the
stacks of one are averaged first, and only then is the error taken. Every interval draws
participants, never stacks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray

from rostfine.evaluation.scores import Statistic, plain_mean
from rostfine.evaluation.statistics import COVERAGE
from rostfine.evaluation.tables import zero_r
from rostfine.visem.targets import TARGETS, TargetName

STACK, PARTICIPANT = "stack", "participant"
ALL: Final = "all"
"""The output of a metric that is taken over all three."""
AGREEMENT_SDS: Final = 1.96
"""Bland and Altman, Lancet 1986: 95 % of differences lie within so many standard deviations."""
ERRORS: Final = ("mae", "rmse", "mape")
"""Metrics of which less is better."""


@dataclass(frozen=True)
class Outcome:
    """What was measured of participants and what was predicted: the mean over their stacks.

    `low` and `high` hold the middle 95 % of a participant's stacks; `stack_error` is the mean
    absolute error over all its stacks and outputs.
    """

    participant_ids: tuple[str, ...]
    folds: Int[ndarray, " participant"]
    stacks: Int[ndarray, " participant"]
    measured: Float[ndarray, "participant output"]
    predicted: Float[ndarray, "participant output"]
    low: Float[ndarray, "participant output"]
    high: Float[ndarray, "participant output"]
    stack_error: Float[ndarray, " participant"]

    @property
    def error(self) -> Float[ndarray, "participant output"]:
        """How much too high each mean prediction is."""
        return np.asarray(self.predicted - self.measured)


def zero_r_predictions(participants: pd.DataFrame, target: TargetName) -> pd.DataFrame:
    """Predict for each participant the mean of the other folds; one row each, as its stack 0.

    Participants of whom a part of the target is not reported are left out. Raises FoldError if
    there is only one fold.
    """
    columns = list(TARGETS[target])
    known = participants.dropna(subset=columns)
    found = zero_r(known[columns].to_numpy(np.float64), known["fold"].to_numpy(np.int64))
    heads = {"participant_id": known["participant_id"].to_numpy(), "stack": 0}
    table = pd.DataFrame({**heads, "fold": known["fold"].to_numpy(np.int64)})
    return table.assign(**dict(zip(columns, found.T, strict=True)))


def gather(predictions: pd.DataFrame, participants: pd.DataFrame, target: TargetName) -> Outcome:
    """Average the stacks of each of `participants`, all of which are predicted and measured."""
    columns = list(TARGETS[target])
    measured = participants.set_index("participant_id")[columns].astype(np.float64)
    rows = predictions[predictions["participant_id"].isin(measured.index)]
    of_stack = rows["participant_id"].to_numpy()
    error = np.abs(rows[columns].to_numpy(np.float64) - measured.loc[of_stack].to_numpy())
    stacks = rows.groupby("participant_id")[columns]
    tail = (1 - COVERAGE) / 2
    return Outcome(
        participant_ids=tuple(map(str, measured.index)),
        folds=participants["fold"].to_numpy(np.int64),
        stacks=stacks.size().loc[measured.index].to_numpy(np.int64),
        measured=measured.to_numpy(),
        predicted=stacks.mean().loc[measured.index].to_numpy(np.float64),
        low=stacks.quantile(tail).loc[measured.index].to_numpy(np.float64),
        high=stacks.quantile(1 - tail).loc[measured.index].to_numpy(np.float64),
        stack_error=pd.Series(error.mean(axis=1), of_stack)
        .groupby(level=0)
        .mean()
        .loc[measured.index]
        .to_numpy(),
    )


@dataclass(frozen=True)
class WeightedMean(Statistic):
    """The mean over strata of `sums` by `counts` in each; a stratum that counts none is left out.

    With folds as strata it is the error as published; with one stratum, a mean of what counts.
    """

    sums: Float[ndarray, " sample"]
    counts: Float[ndarray, " sample"]
    strata: Int[ndarray, " sample"]

    def resampled(self, weights: Float[ndarray, "round sample"]) -> Float[ndarray, " round"]:
        """Return the metric in each round; NaN where nothing counts."""
        member = np.eye(self.strata.max() + 1)[self.strata]
        sums, counts = (weights @ (member * v[:, None]) for v in (self.sums, self.counts))
        met = counts > 0
        means = np.divide(sums, counts, out=np.zeros_like(sums), where=met).sum(axis=1)
        nothing = np.full_like(means, np.nan)
        return np.asarray(np.divide(means, met.sum(axis=1), out=nothing, where=met.any(axis=1)))


@dataclass(frozen=True)
class RootMean(Statistic):
    """The root of the mean of `squares`."""

    squares: Float[ndarray, " sample"]

    def resampled(self, weights: Float[ndarray, "round sample"]) -> Float[ndarray, " round"]:
        """Return the metric in each round, where sample i counts `weights[round, i]` times."""
        return np.asarray(np.sqrt(weights @ self.squares / weights.sum(axis=1)))


@dataclass(frozen=True)
class AgreementLimit(Statistic):
    """The mean of `differences` and so many of their standard deviations (divided by n - 1)."""

    differences: Float[ndarray, " sample"]
    sds: float

    def resampled(self, weights: Float[ndarray, "round sample"]) -> Float[ndarray, " round"]:
        """Return the metric in each round, where sample i counts `weights[round, i]` times."""
        count = weights.sum(axis=1)
        mean = weights @ self.differences / count
        squares = (weights * (self.differences - mean[:, None]) ** 2).sum(axis=1)
        return np.asarray(mean + self.sds * np.sqrt(squares / (count - 1)))


def as_published(outcome: Outcome) -> WeightedMean:
    """Return the mean over folds of the mean absolute error over stacks and outputs."""
    counts = outcome.stacks.astype(np.float64)
    _, strata = np.unique(outcome.folds, return_inverse=True)
    return WeightedMean(outcome.stack_error * counts, counts, strata.astype(np.int64))


def by_participant(outcome: Outcome, target: TargetName) -> dict[tuple[str, str], Statistic]:
    """Return the metrics of participants by name and output: ERRORS, and Bland-Altman's.

    Those of `all` outputs average over them first within each participant. MAPE leaves out what
    was measured as 0; `zeros` counts it.
    """
    found: dict[tuple[str, str], Statistic] = {
        ("mae", ALL): plain_mean(np.abs(outcome.error).mean(axis=1)),
        ("rmse", ALL): RootMean((outcome.error**2).mean(axis=1)),
        ("mape", ALL): _mape(outcome.error, outcome.measured),
    }
    for place, output in enumerate(TARGETS[target]):
        error = outcome.error[:, place]
        found[("mae", output)] = plain_mean(np.abs(error))
        found[("rmse", output)] = RootMean(error**2)
        found[("mape", output)] = _mape(error[:, None], outcome.measured[:, place, None])
        found[("bias", output)] = plain_mean(error)
        found[("agreement_low", output)] = AgreementLimit(error, -AGREEMENT_SDS)
        found[("agreement_high", output)] = AgreementLimit(error, AGREEMENT_SDS)
    return found


def zeros(outcome: Outcome, target: TargetName) -> Mapping[str, int]:
    """Return how many values were measured as 0, by output, and in all."""
    counted = (outcome.measured == 0).sum(axis=0)
    return {ALL: int(counted.sum()), **dict(zip(TARGETS[target], counted.tolist(), strict=True))}


def _mape(
    error: Float[ndarray, "participant part"], measured: Float[ndarray, "participant part"]
) -> WeightedMean:
    """The mean absolute error in per cent of what was measured, where that is not 0."""
    counts = measured != 0
    shares = np.divide(np.abs(error), measured, out=np.zeros_like(error), where=counts)
    one = np.zeros(len(error), dtype=np.int64)
    return WeightedMean(100 * shares.sum(axis=1), counts.sum(axis=1).astype(np.float64), one)
