"""The clips, soft labels and folds of a workspace, joined for training."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import psutil
import torch
from jaxtyping import Float32, Int64, UInt8
from numpy import ndarray
from torch import Tensor

from rostfine.clips.dataset import ClipFiles, load_bank
from rostfine.clips.store import read_frames
from rostfine.errors import FoldError
from rostfine.schemas import CLIPS, FOLDS, GRADE_COLUMNS, LABELS, read_table


@runtime_checkable
class Stored(Protocol):
    """Clips that stay in their files until they are wanted: ClipFiles, and the like."""

    def __len__(self) -> int:
        """Count the clips."""

    def take(self, rows: Int64[Tensor, " taken"]) -> "Stored":
        """Return some of the clips, unread."""

    def read(self, rows: Int64[Tensor, " taken"]) -> Any:
        """Read some: of clips bytes (taken, frame, row, col, chan); what it is has `to(device)`.

        Raises ClipError naming the file of one that it cannot read.
        """


Clips = UInt8[Tensor, "clip frame row col chan"] | Float32[Tensor, "clip token dim"] | Stored
"""In memory; as the features that an encoder found in them; or in their files."""

SUM_TOLERANCE: Final = 1e-4
ROOM: Final = 0.4
"""Share of the free memory that clips may take."""


@dataclass(frozen=True)
class Samples:
    """What a fit is given: clips, labels and, where the model wants it, speeds.

    `names` are those of the samples, for messages.
    """

    frames: Clips
    labels: Float32[Tensor, "clip label"]
    speeds: Float32[Tensor, " clip"] | None = None
    names: tuple[str, ...] = ()

    def take(self, rows: Int64[Tensor, " taken"]) -> "Samples":
        """Return some of the samples."""
        speeds = None if self.speeds is None else self.speeds[rows]
        here = self.frames
        frames = here[rows] if isinstance(here, Tensor) else here.take(rows)
        names = tuple(self.names[row] for row in rows.tolist()) if self.names else ()
        return Samples(frames, self.labels[rows], speeds, names)


@dataclass(frozen=True)
class TrainingData:
    """Every sample that has a clip, a label and a fold, in the order of the fold table."""

    sample_ids: tuple[str, ...]
    samples: Samples
    folds: Int64[ndarray, " clip"]
    patients: tuple[str, ...]


def load_training_data(
    workspace: Path, speed: str | None = None, *, keep: bool = True
) -> TrainingData:
    """Read what `make_folds` and the stages before it wrote; `speed` is a column of the clips.

    Without `keep` the clips themselves stay in their files.

    Raises FoldError naming samples without a label, with one that is no distribution or, where it
    is wanted, without a speed.
    """
    folds = read_table(workspace / "data" / "folds.parquet", FOLDS)
    sample_ids = tuple(folds["sample_id"])
    labels = torch.from_numpy(_labels(workspace, sample_ids))
    clips = read_table(workspace / "data" / "clips.parquet", CLIPS).set_index("sample_id")
    clips = clips.loc[list(sample_ids)]
    folder = workspace / "data" / "clips"
    frames: Clips = ClipFiles(tuple(folder / f"{sample_id}.npz" for sample_id in sample_ids))
    if keep:
        frames = load_bank(folder, sample_ids).frames
    speeds = _speeds(clips, speed) if speed else None
    samples = Samples(frames, labels, speeds, sample_ids)
    patients = tuple(clips["patient_id"])
    return TrainingData(sample_ids, samples, folds["fold"].to_numpy(np.int64), patients)


def free_bytes(device: torch.device) -> int:
    """Return how much memory is free for clips that a device is fed."""
    free = int(psutil.virtual_memory().available)
    if device.type == "cuda":
        return min(free, torch.cuda.mem_get_info(device)[0])
    return free


def fits_into(room_bytes: int, workspace: Path) -> bool:
    """Tell whether the clips of a workspace may be kept where `room_bytes` are free."""
    sample_ids = read_table(workspace / "data" / "folds.parquet", FOLDS)["sample_id"]
    first = read_frames(workspace / "data" / "clips" / f"{sample_ids.iloc[0]}.npz")
    return len(sample_ids) * first.nbytes <= ROOM * room_bytes


def _labels(workspace: Path, sample_ids: tuple[str, ...]) -> Float32[ndarray, "clip grade"]:
    path = workspace / "data" / "labels.parquet"
    labels = read_table(path, LABELS).set_index("sample_id")
    without = sorted(set(sample_ids) - set(labels.index))
    if without:
        raise FoldError(
            f"data/folds.parquet: no label for {', '.join(without[:5])}; run make_folds"
        )
    wanted = labels.loc[list(sample_ids), list(GRADE_COLUMNS)].to_numpy(np.float64)
    sums = wanted.sum(axis=1)
    bad = np.flatnonzero((abs(sums - 1) > SUM_TOLERANCE) | (wanted < 0).any(axis=1))
    if len(bad):
        told = ", ".join(f"{sample_ids[row]} ({sums[row]:.4g})" for row in bad[:5])
        raise FoldError(
            f"data/labels.parquet: {', '.join(GRADE_COLUMNS)}: wanted probabilities that sum "
            f"to 1, got other sums for {told}; run aggregate_votes"
        )
    return wanted.astype(np.float32)


def _speeds(clips: pd.DataFrame, column: str) -> Float32[Tensor, " clip"]:
    speeds = clips[column]
    without = speeds.index[speeds.isna()].to_list()
    if without:
        raise FoldError(
            f"data/clips.parquet: no {column} of {', '.join(without[:5])}; "
            "micrometres need um_per_px in data/videos.csv"
        )
    return torch.from_numpy(speeds.to_numpy(np.float32))
