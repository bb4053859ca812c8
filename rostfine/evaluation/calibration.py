"""Whether the most probable grade is right as often as its probability says."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray

from rostfine.evaluation.scores import Statistic
from rostfine.metrics import grades_by_share

BINS: Final = 10
"""Of equal width, from 0 to 1 (Guo et al. 2017, arXiv:1706.04599, section 2)."""

RELIABILITY_COLUMNS: Final = ("low", "high", "samples", "confidence", "accuracy", "share")


@dataclass(frozen=True)
class CalibrationError(Statistic):
    """ECE: how far being right is from confidence, averaged over bins by samples (Guo, eq. 3).

    `confidence` is the probability of the predicted mode, `right` how right that mode is: 0 to 1.
    """

    confidence: Float[ndarray, " sample"]
    right: Float[ndarray, " sample"]
    bins: int = BINS

    def resampled(self, weights: Float[ndarray, "round sample"]) -> Float[ndarray, " round"]:
        """Return the metric in each round, where sample i counts `weights[round, i]` times."""
        member = np.eye(self.bins)[bin_of(self.confidence, self.bins)]
        surplus = weights @ (member * (self.right - self.confidence)[:, None])
        return np.asarray(np.abs(surplus).sum(axis=1) / weights.sum(axis=1))


def mode_calibration(
    predicted: Float[ndarray, "sample grade"], true: Float[ndarray, "sample grade"]
) -> CalibrationError:
    """Call the predicted mode right where it is the experts' mode too.

    Exact predictions are not calibrated in this sense: where experts are of several minds, their
    mode has less than probability 1 and yet is always right.
    """
    guess, truth = (grades_by_share(array)[:, 0] for array in (predicted, true))
    return CalibrationError(_confidence(predicted), (guess == truth).astype(np.float64))


def vote_calibration(
    predicted: Float[ndarray, "sample grade"], true: Float[ndarray, "sample grade"]
) -> CalibrationError:
    """Call the predicted mode as right as the share of experts who chose it.

    So each vote is an observation, and exact predictions are calibrated.
    """
    guess = grades_by_share(predicted)[:, :1]
    share = np.take_along_axis(true, guess, axis=1)[:, 0]
    return CalibrationError(_confidence(predicted), share.astype(np.float64))


def reliability(
    predicted: Float[ndarray, "sample grade"], true: Float[ndarray, "sample grade"]
) -> pd.DataFrame:
    """Tabulate the reliability curve, a row per bin that has samples: RELIABILITY_COLUMNS.

    `accuracy` is how often the predicted mode is the experts', `share` how many experts chose it.
    """
    modes, votes = mode_calibration(predicted, true), vote_calibration(predicted, true)
    place = bin_of(modes.confidence, BINS)
    rows = []
    for one in np.unique(place):
        inside = place == one
        means = [values[inside].mean() for values in (modes.confidence, modes.right, votes.right)]
        rows.append((one / BINS, (one + 1) / BINS, int(inside.sum()), *means))
    return pd.DataFrame(rows, columns=list(RELIABILITY_COLUMNS))


def _confidence(predicted: Float[ndarray, "sample grade"]) -> Float[ndarray, " sample"]:
    return np.asarray(predicted.max(axis=1), dtype=np.float64)


def bin_of(confidence: Float[ndarray, " sample"], bins: int) -> Int[ndarray, " sample"]:
    """Return the bin of each confidence; one on an edge belongs to the bin below."""
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence, side="left")
