"""What one gets by always predicting the mean of the training participants (ZeroR)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from rostfine.errors import FoldError
from rostfine.visem.targets import TARGETS, TargetName


def zero_r_mae(table: pd.DataFrame, target: TargetName, folds: Mapping[str, int]) -> float:
    """Return the mean over folds of the mean error over participants and outputs, in percent.

    `table` has a row per participant; those without the target, or without a fold, do not count.

    Raises FoldError if fewer than two folds have a participant with the target.
    """
    true = table[list(TARGETS[target])].to_numpy(np.float64)
    fold = np.array(
        [folds.get(str(one), -1) for one in table["participant_id"].tolist()], dtype=np.int64
    )
    counts = (fold >= 0) & ~np.isnan(true).any(axis=1)
    true, fold = true[counts], fold[counts]
    numbers = np.unique(fold)
    if len(numbers) < 2:
        got = f"got {len(numbers)}"
        raise FoldError(f"{target}: wanted participants in two folds or more, {got}")
    errors = [np.abs(true[fold == one] - true[fold != one].mean(axis=0)).mean() for one in numbers]
    return float(np.mean(errors))
