"""The data set with its videos opened: the last look before hours are spent on it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rostfine.errors import VideoError
from rostfine.progress import progress
from rostfine.video.reader import VideoInfo, open_video
from rostfine.visem.dataset import Dataset, read_dataset
from rostfine.visem.faults import Fault

WIDTH_PX: Final = 640
HEIGHT_PX: Final = 480
FRAME_RATE_HZ: Final = 50.0
"""Of the published videos."""
NEAR_HZ: Final = 0.5


@dataclass(frozen=True, eq=False)
class Check:
    """A data set, and how long its usable videos are; NaN if they were not opened."""

    dataset: Dataset
    video_s: float


@dataclass(frozen=True)
class _Opened:
    duration_s: float  # 0 where the header does not tell
    faults: tuple[Fault, ...]


def check_dataset(folder: Path, *, open_videos: bool) -> Check:
    """Read a data set; with `open_videos` also the header and the first frame of each video.

    Nothing is raised: what is wrong, all of it, is in the data set's `faults`.
    """
    dataset = read_dataset(folder)
    if not open_videos:
        return Check(dataset, math.nan)
    table = dataset.participants
    opened = []
    with progress("opening videos", len(table)) as advance:
        for participant_id, video in zip(table["participant_id"], table["video"], strict=True):
            opened.append(_open(folder / video, participant_id))
            advance(note=video)
    faults = tuple(fault for one in opened for fault in one.faults)
    return Check(dataset.with_faults(faults), sum((one.duration_s for one in opened), 0.0))


def _open(path: Path, participant_id: str) -> _Opened:
    try:
        with open_video(path) as video:
            info = video.info
            if next(video.frames(), None) is None:
                raise VideoError(f"{path}: wanted frames, got none")
    except VideoError as error:
        return _Opened(0.0, (Fault(participant_id, str(error)),))
    lines = _unexpected(info)
    notices = tuple(Fault(participant_id, f"{path}: {line}", is_notice=True) for line in lines)
    duration_s = (info.frame_count or 0) / info.frame_rate_hz
    return _Opened(duration_s if math.isfinite(duration_s) else 0.0, notices)


def _unexpected(info: VideoInfo) -> list[str]:
    """Return how a video is unlike the published ones; it can be used all the same."""
    lines = []
    if (info.width_px, info.height_px) != (WIDTH_PX, HEIGHT_PX):
        got = f"{info.width_px}x{info.height_px}"
        lines.append(f"wanted {WIDTH_PX}x{HEIGHT_PX} px, got {got}")
    # Written so that no rate at all, NaN, is told too.
    if not abs(info.frame_rate_hz - FRAME_RATE_HZ) <= NEAR_HZ:
        lines.append(f"wanted {FRAME_RATE_HZ:g} Hz, got {info.frame_rate_hz:g}")
    size, announced = info.path.stat().st_size, _announced_bytes(info.path)
    if size < announced:
        lines.append(f"wanted {announced} bytes as its header says, got {size}: it is cut off")
    return lines


def _announced_bytes(path: Path) -> int:
    """Return how long an AVI says that it is, at least; 0 for other files."""
    with path.open("rb") as file:
        head = file.read(8)
    return int.from_bytes(head[4:], "little") + len(head) if head[:4] == b"RIFF" else 0
