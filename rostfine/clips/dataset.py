"""All clips of a workspace: in memory, where a thousand are one gigabyte, or by their files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from rostfine.clips.store import read_frames
from rostfine.errors import ClipError
from rostfine.progress import Advance, silent


@dataclass(frozen=True)
class ClipBank:
    """Clips in the order of `sample_ids`, as they are stored."""

    sample_ids: tuple[str, ...]
    frames: UInt8[Tensor, "clip frame row col chan"]


@dataclass(frozen=True)
class ClipFiles:
    """Clips that stay in their files until they are wanted."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        """Count the clips."""
        return len(self.paths)

    def take(self, rows: Int64[Tensor, " taken"]) -> "ClipFiles":
        """Return some of the clips, unread."""
        return ClipFiles(tuple(self.paths[row] for row in rows.tolist()))

    def read(self, rows: Int64[Tensor, " taken"]) -> UInt8[Tensor, "taken frame row col chan"]:
        """Read some of the clips.

        Raises ClipError naming the file of one that is missing, damaged or of another shape.
        """
        return read_clips([self.paths[row] for row in rows.tolist()])


def read_clips(
    paths: Sequence[Path], *, advance: Advance = silent
) -> UInt8[Tensor, "clip frame row col chan"]:
    """Read clips that are all of one shape.

    Raises ClipError with a line for every one that is missing, damaged or of another shape than
    the first readable one.
    """
    faults: list[str] = []
    frames: Tensor | None = None
    for row, path in enumerate(paths):
        try:
            clip = torch.from_numpy(read_frames(path))
            if frames is None:
                frames = clip.new_empty(len(paths), *clip.shape)
            frames[row] = _alike(path, clip, frames)
        except ClipError as error:
            faults.append(str(error))
        advance()
    if faults or frames is None:
        raise ClipError.of_faults(faults)
    return frames


def load_bank(folder: Path, sample_ids: Sequence[str], *, advance: Advance = silent) -> ClipBank:
    """Read the clip `<sample_id>.npz` of each sample.

    Raises ClipError with a line for every clip that is missing, damaged or of another shape than
    the first readable one, and if there is no sample at all.
    """
    if not sample_ids:
        raise ClipError(f"{folder}: no clips to load")
    paths = [folder / f"{sample_id}.npz" for sample_id in sample_ids]
    return ClipBank(tuple(sample_ids), read_clips(paths, advance=advance))


def _alike(path: Path, clip: Tensor, others: Tensor) -> Tensor:
    wanted, found = tuple(others.shape[1:]), tuple(clip.shape)
    if found != wanted:
        raise ClipError(f"{path}: wanted frames of shape {wanted}, as in others, found {found}")
    return clip
