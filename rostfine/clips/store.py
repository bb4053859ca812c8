"""A clip on disk: one npz without pickles, whose bytes are the same whenever it is written."""

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, UInt8

from rostfine.clips.record import Cut
from rostfine.errors import ClipError
from rostfine.files import written_whole

TRACK = ("centre_px", "time_s", "score", "is_seen")
RECORD = (*TRACK, "frame_rate_hz", "content_key")
"""What a clip says of its track, and of itself, without the pictures."""


@dataclass(frozen=True)
class ClipRecord:
    """The track that a clip was cut along: x and y in the video, and how surely it was found.

    The clip is its first frames. Two clips with the same `content_key` are the same clip.
    """

    centre_px: Float32[np.ndarray, "tracked 2"]
    time_s: Float64[np.ndarray, " tracked"]
    score: Float32[np.ndarray, " tracked"]
    is_seen: Bool[np.ndarray, " tracked"]
    frame_rate_hz: float
    content_key: str


@dataclass(frozen=True)
class Clip:
    """Squares cut along a track; `inside_px` is the part of each that lies inside of the video.

    It is first column and row, and those after the last; beyond is reflection.
    """

    frames: UInt8[np.ndarray, "frame row col chan"]
    inside_px: Int32[np.ndarray, "frame 4"]
    record: ClipRecord

    @property
    def mask(self) -> Bool[np.ndarray, "frame row col"]:
        """Where the pictures show the video, and no reflection of it."""
        row, col = np.indices(self.frames.shape[1:3])
        left, top, right, bottom = self.inside_px.T[:, :, None, None]
        inside: Bool[np.ndarray, "frame row col"] = (
            (col >= left) & (row >= top) & (col < right) & (row < bottom)
        )
        return inside


def write_clip(path: Path, cut: Cut, content_key: str) -> None:
    """Write the clip of `cut`, whole or not at all.

    Raises ClipError if it has none.
    """
    if cut.frames is None:
        raise ClipError(f"{path}: {cut.reason or 'no clip to write'}")
    with written_whole(path) as beside:
        # Not compressed: that costs more time than cutting, and bytes would depend on the zlib.
        np.savez(
            beside,
            frames=cut.frames,
            inside_px=cut.inside_px,
            **{name: getattr(cut, name) for name in TRACK},
            frame_rate_hz=cut.frame_rate_hz,
            content_key=content_key,
        )


def read_clip(path: Path) -> Clip:
    """Read a clip.

    Raises ClipError if the file is missing, damaged, or holds anything else.
    """
    held = _read(path, ("frames", "inside_px", *RECORD))
    _check_frames(path, held["frames"])
    count = len(held["frames"])
    if held["inside_px"].dtype != np.int32 or held["inside_px"].shape != (count, 4):
        raise _unlike(path, "inside_px", "int32", (count, 4), held["inside_px"])
    return Clip(held["frames"], held["inside_px"], _record(path, held))


def read_frames(path: Path) -> UInt8[np.ndarray, "frame row col chan"]:
    """Read the pictures of a clip alone; a file that holds nothing else will do.

    Raises ClipError if the file is missing, damaged, or has no such pictures.
    """
    frames: UInt8[np.ndarray, "frame row col chan"] = _read(path, ("frames",))["frames"]
    _check_frames(path, frames)
    return frames


def read_record(path: Path) -> tuple[ClipRecord, Int32[np.ndarray, "frame 4"]]:
    """Read what a clip says of its track, and `inside_px`; the pictures stay on disk.

    Raises ClipError if the file is missing, damaged, or holds anything else.
    """
    held = _read(path, ("inside_px", *RECORD))
    return _record(path, held), held["inside_px"]


def _read(path: Path, names: Iterable[str]) -> dict[str, Any]:
    if not path.is_file():
        raise ClipError(f"{path}: no such clip")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            return {name: content[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise ClipError(f"{path}: not a readable clip: {' '.join(str(error).split())}") from error


def _check_frames(path: Path, frames: np.ndarray) -> None:
    count, *square = frames.shape or (0,)
    wanted = (count, *square[:2], 3)
    if not count or frames.dtype != np.uint8 or frames.shape != wanted:
        raise _unlike(path, "frames", "uint8", wanted, frames)


def _record(path: Path, held: dict[str, Any]) -> ClipRecord:
    count = len(held["score"]) if held["score"].ndim else 0
    wanted = {
        "centre_px": ("float32", (count, 2)),
        "time_s": ("float64", (count,)),
        "score": ("float32", (count,)),
        "is_seen": ("bool", (count,)),
        "frame_rate_hz": ("float64", ()),
    }
    for name, (kind, shape) in wanted.items():
        if held[name].dtype != kind or held[name].shape != shape:
            raise _unlike(path, name, kind, shape, held[name])
    arrays = {name: held[name] for name in TRACK}
    return ClipRecord(
        **arrays,
        frame_rate_hz=float(held["frame_rate_hz"]),
        content_key=str(held["content_key"]),
    )


def _unlike(
    path: Path, name: str, kind: str, shape: tuple[int, ...], found: np.ndarray
) -> ClipError:
    return ClipError(f"{path}: wanted {name} as {kind} {shape}, found {found.dtype} {found.shape}")
