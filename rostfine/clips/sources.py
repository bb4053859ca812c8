"""Which file each video is, and what the lab says of it."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rostfine.errors import TableError
from rostfine.schemas import VIDEOS, read_table


@dataclass(frozen=True)
class Source:
    """A video. `path` is None if there is not exactly one file of it; `fault` says so.

    `um_per_px` is NaN where it is unknown.
    """

    path: Path | None
    fault: str
    patient_id: str
    um_per_px: float


def find_sources(data: Path, video_ids: Iterable[str]) -> dict[str, Source]:
    """Find `raw/<video_id>.<ext>` in the folder `data`, and the row of `videos.csv`, if any.

    Without any rows each video counts as a patient of its own; if some have rows, one that has
    none is at fault: a misspelt id would put one patient into two folds.

    Raises TableError if `videos.csv` is there and cannot be used.
    """
    said = _read_videos(data / "videos.csv")
    files: Mapping[str, list[Path]] = defaultdict(list)
    if (data / "raw").is_dir():
        for path in sorted((data / "raw").iterdir()):
            # Neither folders nor links that lead nowhere.
            if path.is_file():
                files[path.stem].append(path)
    return {
        video_id: _source(data, video_id, files[video_id], said)
        for video_id in sorted(set(video_ids))
    }


def _source(
    data: Path, video_id: str, files: list[Path], said: Mapping[str, tuple[str, float]]
) -> Source:
    known = said.get(video_id, (video_id, math.nan))
    if not files:
        return Source(None, f"no video {video_id!r} in {data / 'raw'}", *known)
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        return Source(None, f"more than one video {video_id!r} in {data / 'raw'}: {names}", *known)
    if said and video_id not in said:
        return Source(None, f"no row for video {video_id!r} in {data / 'videos.csv'}", *known)
    return Source(files[0], "", *known)


def _read_videos(path: Path) -> dict[str, tuple[str, float]]:
    if not path.exists():
        return {}
    table = read_table(path, VIDEOS)
    if "um_per_px" in table and (bad := table["um_per_px"] <= 0).any():
        row = int(bad.to_numpy().argmax())
        raise TableError(
            f"{path}: row {row + 2}, column um_per_px: wanted more than 0, "
            f"got {table['um_per_px'].iloc[row]:g}"
        )
    unknown = [math.nan] * len(table)
    scales = table["um_per_px"].to_list() if "um_per_px" in table else unknown
    columns = (table["video_id"].to_list(), table["patient_id"].to_list(), scales)
    return {
        str(video): (str(patient), float(um_per_px))
        for video, patient, um_per_px in zip(*columns, strict=True)
    }
