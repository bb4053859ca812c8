"""A clip on disk: one npz without pickles, whose bytes are the same whenever it is written."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from rostfine.errors import ClipError
from rostfine.files import written_whole


@dataclass(frozen=True)
class Clip:
    """What was cut along a track: squares, and where and how surely the sperm was found.

    `centre_px` is x and y in the video.
    """

    frames: UInt8[np.ndarray, "frame row col chan"]
    centre_px: Float32[np.ndarray, "frame 2"]
    score: Float32[np.ndarray, " frame"]


def write_clip(path: Path, clip: Clip) -> None:
    """Write a clip, whole or not at all."""
    with written_whole(path) as beside:
        # Not compressed: that costs more time than cutting, and bytes would depend on the zlib.
        np.savez(beside, frames=clip.frames, centre_px=clip.centre_px, score=clip.score)


def read_clip(path: Path) -> Clip:
    """Read a clip.

    Raises ClipError if the file is missing, damaged, or holds anything else.
    """
    if not path.is_file():
        raise ClipError(f"{path}: no such clip")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            clip = {name: content[name] for name in ("frames", "centre_px", "score")}
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise ClipError(f"{path}: not a readable clip: {' '.join(str(error).split())}") from error
    _check(path, clip)
    return Clip(**clip)


def _check(path: Path, clip: dict[str, Any]) -> None:
    count, *square = clip["frames"].shape or (0,)
    wanted = {
        "frames": (np.uint8, (count, *square[:2], 3)),
        "centre_px": (np.float32, (count, 2)),
        "score": (np.float32, (count,)),
    }
    for name, (kind, shape) in wanted.items():
        found = clip[name]
        if not count or found.dtype != kind or found.shape != shape:
            raise ClipError(
                f"{path}: wanted {name} as {np.dtype(kind)} {shape}, "
                f"found {found.dtype} {found.shape}"
            )
