"""The clips, soft labels and folds of a workspace, joined for training."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from numpy import ndarray
from torch import Tensor

from rostfine.clips.dataset import load_bank
from rostfine.errors import FoldError
from rostfine.schemas import FOLDS, GRADE_COLUMNS, LABELS, read_table


@dataclass(frozen=True)
class TrainingData:
    """Every sample that has a clip, a label and a fold, in the order of the fold table."""

    sample_ids: tuple[str, ...]
    frames: UInt8[Tensor, "clip frame row col chan"]
    labels: Float32[Tensor, "clip grade"]
    folds: Int64[ndarray, " clip"]


def load_training_data(workspace: Path) -> TrainingData:
    """Read what `make_folds` and the stages before it wrote."""
    folds = read_table(workspace / "data" / "folds.parquet", FOLDS)
    labels = read_table(workspace / "data" / "labels.parquet", LABELS).set_index("sample_id")
    without = sorted(set(folds["sample_id"]) - set(labels.index))
    if without:
        raise FoldError(
            f"data/folds.parquet: no label for {', '.join(without[:5])}; run make_folds"
        )
    sample_ids = tuple(folds["sample_id"])
    wanted = labels.loc[list(sample_ids), list(GRADE_COLUMNS)].to_numpy(np.float32)
    bank = load_bank(workspace / "data" / "clips", sample_ids)
    return TrainingData(
        sample_ids, bank.frames, torch.from_numpy(wanted), folds["fold"].to_numpy(np.int64)
    )
