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
from rostfine.schemas import CLIPS, FOLDS, GRADE_COLUMNS, LABELS, read_table


@dataclass(frozen=True)
class Samples:
    """What a fit is given: clips, soft labels and, where the model wants it, speeds."""

    frames: UInt8[Tensor, "clip frame row col chan"]
    labels: Float32[Tensor, "clip grade"]
    speeds: Float32[Tensor, " clip"] | None = None

    def take(self, rows: Int64[Tensor, " taken"]) -> "Samples":
        """Return some of the samples."""
        speeds = None if self.speeds is None else self.speeds[rows]
        return Samples(self.frames[rows], self.labels[rows], speeds)

    def to(self, device: torch.device) -> "Samples":
        """Return the samples on a device, where they stay as long as a fit lasts."""
        speeds = None if self.speeds is None else self.speeds.to(device)
        return Samples(self.frames.to(device), self.labels.to(device), speeds)


@dataclass(frozen=True)
class TrainingData:
    """Every sample that has a clip, a label and a fold, in the order of the fold table."""

    sample_ids: tuple[str, ...]
    samples: Samples
    folds: Int64[ndarray, " clip"]


def load_training_data(workspace: Path, speed: str | None = None) -> TrainingData:
    """Read what `make_folds` and the stages before it wrote; `speed` is a column of the clips.

    Raises FoldError naming samples without a label or, where it is wanted, without a speed.
    """
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
    speeds = _speeds(workspace, sample_ids, speed) if speed else None
    samples = Samples(bank.frames, torch.from_numpy(wanted), speeds)
    return TrainingData(sample_ids, samples, folds["fold"].to_numpy(np.int64))


def _speeds(workspace: Path, sample_ids: tuple[str, ...], column: str) -> Float32[Tensor, " clip"]:
    clips = read_table(workspace / "data" / "clips.parquet", CLIPS).set_index("sample_id")
    speeds = clips.loc[list(sample_ids), column]
    without = speeds.index[speeds.isna()].to_list()
    if without:
        raise FoldError(
            f"data/clips.parquet: no {column} of {', '.join(without[:5])}; "
            "micrometres need um_per_px in data/videos.csv"
        )
    return torch.from_numpy(speeds.to_numpy(np.float32))
