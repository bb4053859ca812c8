"""The tables beside the clips: one row per sample, and one per sample and frame."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rostfine.clips.cut import Cut
from rostfine.clips.sources import Source
from rostfine.errors import TableError
from rostfine.schemas import CLIPS, OK, TRACKS, read_table, write_table

Row = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """What the tables say of one sample."""

    row: Row
    track: pd.DataFrame  # columns of TRACKS


def entry_of(cut: Cut, source: Source, *, path: str, content_key: str) -> Entry:
    """Describe a cut; `path` is where its clip is, if it has one."""
    row: Row = {
        "sample_id": cut.tag.sample_id,
        "video_id": cut.tag.video_id,
        "content_key": content_key,
        "frame_rate_hz": cut.frame_rate_hz,
        "speed_px_s": compute_speed_px_s(cut),
        "score_mean": float(cut.score.mean()) if len(cut.score) else math.nan,
        "score_min": float(cut.score.min()) if len(cut.score) else math.nan,
        "status": cut.status,
        "reason": cut.reason or None,
    }
    track = pd.DataFrame(
        {
            "sample_id": cut.tag.sample_id,
            "frame": np.arange(len(cut.score)) + cut.tag.frame,
            "time_s": cut.time_s,
            "x_px": cut.centre_px[:, 0].astype(np.float64),
            "y_px": cut.centre_px[:, 1].astype(np.float64),
            "score": cut.score.astype(np.float64),
        }
    )
    return renewed(Entry(row, track), source, path=path)


def renewed(entry: Entry, source: Source, *, path: str) -> Entry:
    """Return an entry with what does not come from the video itself as it is now."""
    row = {
        **entry.row,
        "patient_id": source.patient_id,
        "path": path if entry.row["status"] == OK else None,
        "speed_um_s": float(entry.row["speed_px_s"]) * source.um_per_px,
    }
    return Entry(row, entry.track)


def compute_speed_px_s(cut: Cut) -> float:
    """Return the length of the path from frame to frame over its time: the curvilinear velocity."""
    if len(cut.time_s) < 2 or cut.time_s[-1] <= cut.time_s[0]:
        return math.nan
    steps = np.diff(cut.centre_px.astype(np.float64), axis=0)
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum() / (cut.time_s[-1] - cut.time_s[0]))


def read_index(folder: Path) -> dict[str, Entry]:
    """Read the tables of an earlier run; none, or damaged ones, are as good as empty."""
    try:
        clips = read_table(folder / "clips.parquet", CLIPS)
        tracks = read_table(folder / "tracks.parquet", TRACKS)
    except TableError:
        return {}
    clips = clips.reindex(columns=list(CLIPS.columns))
    by_sample = dict(iter(tracks[list(TRACKS.columns)].groupby("sample_id")))
    none = tracks.iloc[:0]
    return {
        str(row["sample_id"]): Entry(
            {str(name): value for name, value in row.items()}, by_sample.get(row["sample_id"], none)
        )
        for row in clips.to_dict("records")
    }


def write_index(folder: Path, entries: list[Entry]) -> pd.DataFrame:
    """Write both tables, in the order of `entries`; return that of the clips."""
    clips = pd.DataFrame([entry.row for entry in entries], columns=list(CLIPS.columns))
    clips = clips.astype(
        {name: "float64" if kind == "number" else "string" for name, kind in CLIPS.columns.items()}
    )
    empty = pd.DataFrame({name: pd.Series(dtype=_DTYPES[k]) for name, k in TRACKS.columns.items()})
    tracks = [entry.track for entry in entries if len(entry.track)]
    track = pd.concat(tracks, ignore_index=True) if tracks else empty
    write_table(folder / "tracks.parquet", track.astype(dict(empty.dtypes)), TRACKS)
    write_table(folder / "clips.parquet", clips, CLIPS)
    return clips


_DTYPES = {"text": "string", "integer": "int64", "number": "float64"}
