"""Stacks of a workspace as the training loop is given them, and what a model sees of one."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch
from einops import rearrange
from jaxtyping import Bool, Float, Float32, Int64, Shaped, UInt8
from numpy import ndarray
from torch import Tensor

from rostfine.errors import ClipError
from rostfine.schemas import read_table
from rostfine.training.data import ROOM, Samples
from rostfine.visem.frames import TABLE, WHO
from rostfine.visem.params import StackInput
from rostfine.visem.tables import PARTICIPANTS, STACKS
from rostfine.visem.targets import ALL_TARGETS

INTENSITIES: Final = 255.0
SAMPLED: Final = 32


@dataclass(frozen=True)
class StackFiles:
    """Stacks that stay in their arrays until they are wanted; the first `frames` of each."""

    paths: tuple[Path, ...]
    places: tuple[int, ...]
    frames: int

    def __len__(self) -> int:
        """Count the stacks."""
        return len(self.paths)

    def take(self, rows: Int64[Tensor, " taken"]) -> "StackFiles":
        """Return some of the stacks, unread."""
        some = rows.tolist()
        paths = tuple(self.paths[row] for row in some)
        return StackFiles(paths, tuple(self.places[row] for row in some), self.frames)

    def read(self, rows: Int64[Tensor, " taken"]) -> UInt8[Tensor, "taken frame row col 1"]:
        """Read some of the stacks. Raises ClipError naming an array that cannot be read."""
        parts = [_stack(self.paths[row], self.places[row]) for row in rows.tolist()]
        return torch.from_numpy(np.stack([part[: self.frames] for part in parts]))[..., None]

    @property
    def nbytes(self) -> int:
        """What all of them take in memory."""
        return _stack(self.paths[0], self.places[0])[: self.frames].nbytes * len(self)


@dataclass(frozen=True)
class SemenData:
    """Every stack of a workspace, in the order of its table, with its participant and fold.

    The labels of `samples` are all six percentages, NaN where one is not reported.
    """

    samples: Samples
    participants: tuple[str, ...]
    stacks: Int64[ndarray, " stack"]
    folds: Int64[ndarray, " stack"]


def load_stacks(given: StackInput, *, room_bytes: float) -> SemenData:
    """Load the stacks of the workspace that this process stands in, into memory if there is room.

    Raises ClipError if there are none, or naming an array that cannot be read.
    """
    rows = read_table(TABLE, STACKS)
    who = read_table(WHO, PARTICIPANTS).set_index("participant_id")
    rows = rows[rows["participant_id"].isin(who.index)]
    if rows.empty:
        raise ClipError(f"{TABLE}: wanted stacks of the participants of {WHO}, got none")
    known = who.loc[rows["participant_id"].to_list()]
    files = StackFiles(
        tuple(map(Path, rows["path"])), tuple(rows["stack"]), 1 if given.repeated else given.frames
    )
    fits = files.nbytes <= ROOM * room_bytes
    labels = torch.from_numpy(known[list(ALL_TARGETS)].to_numpy(np.float32))
    names = tuple(f"{p}:{s}" for p, s in zip(rows["participant_id"], rows["stack"], strict=True))
    frames = files.read(torch.arange(len(files))) if fits else files
    return SemenData(
        Samples(frames, labels, names=names),
        tuple(rows["participant_id"]),
        rows["stack"].to_numpy(np.int64),
        known["fold"].to_numpy(np.int64),
    )


def to_stack(
    stored: UInt8[Tensor, "batch frame row col 1"], given: StackInput
) -> Float[Tensor, "batch 1 seen row col"]:
    """Return what a model sees of stacks, of intensities from 0 to 1."""
    seen = rearrange(stored[:, : given.frames], "batch frame row col 1 -> batch 1 frame row col")
    if given.repeated:
        seen = seen[:, :, :1].expand(-1, -1, given.frames, -1, -1)
    return seen.float() / INTENSITIES


def mean_intensity(samples: Samples) -> float:
    """Return the mean intensity, from 0 to 1, of some stacks from first to last."""
    rows = torch.arange(0, len(samples.labels), max(1, len(samples.labels) // SAMPLED))
    frames = samples.frames
    stored = frames[rows] if isinstance(frames, Tensor) else frames.read(rows)
    return float(stored.float().mean()) / INTENSITIES


def _stack(path: Path, place: int) -> UInt8[ndarray, "frame row col"]:
    try:
        stat = path.stat()
        array = _open(path.absolute(), (stat.st_mtime_ns, stat.st_ino))
        if array.dtype != np.uint8 or array.ndim != 4 or place >= len(array):
            raise ValueError(f"wanted bytes of {place + 1} stacks, got {array.dtype} {array.shape}")
    except (OSError, ValueError, EOFError) as error:
        raise ClipError(f"{path}: not an array of stacks: {error}") from error
    stack: UInt8[ndarray, "frame row col"] = array[place]
    return stack


@lru_cache(maxsize=256)
def _open(path: Path, written: tuple[int, int]) -> Shaped[ndarray, "*axis"]:
    """Map an array; one that was `written` anew is opened anew."""
    array: Shaped[ndarray, "*axis"] = np.load(path, mmap_mode="r")
    return array


def labelled(data: SemenData, targets: tuple[str, ...]) -> SemenData:
    """Return the stacks of participants of whom all `targets` are reported, with these alone."""
    columns = [ALL_TARGETS.index(name) for name in targets]
    labels = data.samples.labels[:, columns]
    here = replace(data, samples=replace(data.samples, labels=labels))
    return take(here, labels.isfinite().all(dim=1).numpy())


def take(data: SemenData, which: Bool[ndarray, " stack"]) -> SemenData:
    """Return some of the stacks."""
    rows = np.flatnonzero(which)
    samples = data.samples.take(torch.from_numpy(rows))
    participants = tuple(data.participants[row] for row in rows)
    return SemenData(samples, participants, data.stacks[rows], data.folds[rows])


def table_of(
    data: SemenData, predicted: Float32[ndarray, "stack target"], targets: tuple[str, ...]
) -> pd.DataFrame:
    """Return predictions of stacks as a table."""
    table = pd.DataFrame(predicted.astype(np.float64), columns=list(targets))
    table.insert(0, "fold", data.folds)
    table.insert(0, "stack", data.stacks)
    table.insert(0, "participant_id", list(data.participants))
    return table
