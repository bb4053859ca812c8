"""All clips of a workspace in memory: a thousand of them are one gigabyte."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from rostfine.clips.store import read_frames
from rostfine.errors import ClipError
from rostfine.progress import Advance, silent


@dataclass(frozen=True)
class ClipBank:
    """Clips in the order of `sample_ids`, as they are stored."""

    sample_ids: tuple[str, ...]
    frames: UInt8[Tensor, "clip frame row col chan"]


def load_bank(folder: Path, sample_ids: Sequence[str], *, advance: Advance = silent) -> ClipBank:
    """Read the clip `<sample_id>.npz` of each sample.

    Raises ClipError with a line for every clip that is missing, damaged or of another shape than
    the first readable one, and if there is no sample at all.
    """
    if not sample_ids:
        raise ClipError(f"{folder}: no clips to load")
    faults: list[str] = []
    frames: Tensor | None = None
    for row, sample_id in enumerate(sample_ids):
        path = folder / f"{sample_id}.npz"
        try:
            clip = torch.from_numpy(read_frames(path))
            if frames is None:
                frames = clip.new_empty(len(sample_ids), *clip.shape)
            frames[row] = _alike(path, clip, frames)
        except ClipError as error:
            faults.append(str(error))
        advance()
    if faults or frames is None:
        raise ClipError.of_faults(faults)
    return ClipBank(tuple(sample_ids), frames)


def _alike(path: Path, clip: Tensor, others: Tensor) -> Tensor:
    wanted, found = tuple(others.shape[1:]), tuple(clip.shape)
    if found != wanted:
        raise ClipError(f"{path}: wanted frames of shape {wanted}, as in others, found {found}")
    return clip
