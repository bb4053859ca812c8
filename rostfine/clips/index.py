"""The tables beside the clips: one row per sample, and one per sample and frame."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from rostfine.clips.record import Cut
from rostfine.clips.sources import Source
from rostfine.errors import TableError
from rostfine.schemas import (
    CLIPS,
    DOUBTFUL,
    OK,
    SEEN,
    TAGGED,
    TRACKS,
    UNSEEN,
    no_rows,
    read_table,
    typed,
    write_table,
)

Row = dict[str, Any]
CLIPS_FILE: Final = "clips.parquet"
TRACKS_FILE: Final = "tracks.parquet"
TABLES: Final = (CLIPS_FILE, TRACKS_FILE)


@dataclass(frozen=True)
class Index:
    """What both tables say: `rows` by sample, and the tracks of all of them."""

    rows: dict[str, Row]
    tracks: pd.DataFrame  # columns of TRACKS

    def only(self, sample_ids: Collection[str]) -> "Index":
        """Return what is said of these samples."""
        rows = {sample_id: row for sample_id, row in self.rows.items() if sample_id in sample_ids}
        return Index(rows, self.tracks[self.tracks["sample_id"].isin(list(rows))])


def row_of(cut: Cut, source: Source, *, path: str, content_key: str) -> Row:
    """Describe a cut; `path` is where its clip is, if it has one. Scores are those of the clip."""
    score = cut.score[: cut.clip_frames]
    row: Row = {
        "sample_id": cut.tag.sample_id,
        "video_id": cut.tag.video_id,
        "content_key": content_key,
        "frame_rate_hz": cut.frame_rate_hz,
        "speed_px_s": compute_speed_px_s(cut),
        "score_mean": float(score.mean()) if len(score) else math.nan,
        "score_min": float(score.min()) if len(score) else math.nan,
        "status": cut.status,
        "reason": cut.reason or None,
    }
    return renewed(row, source, path=path)


def track_of(cut: Cut) -> pd.DataFrame:
    """Return the rows of a cut in the table of tracks."""
    status = np.where(cut.is_seen, SEEN, UNSEEN).astype(object)
    status[:1] = TAGGED
    if cut.doubtful_from is not None:
        status[cut.doubtful_from :] = DOUBTFUL
    return pd.DataFrame(
        {
            "sample_id": cut.tag.sample_id,
            "frame": np.arange(len(cut.score)) + cut.tag.frame,
            "time_s": cut.time_s,
            "x_px": cut.centre_px[:, 0].astype(np.float64),
            "y_px": cut.centre_px[:, 1].astype(np.float64),
            "score": cut.score.astype(np.float64),
            "status": status,
        }
    )


def renewed(row: Row, source: Source, *, path: str) -> Row:
    """Return a row with what does not come from the video itself as it is now."""
    return {
        **row,
        "patient_id": source.patient_id,
        "path": path if row["status"] == OK else None,
        "speed_um_s": float(row["speed_px_s"]) * source.um_per_px,
    }


def compute_speed_px_s(cut: Cut) -> float:
    """Return the length of the path from frame to frame over its time: the curvilinear velocity."""
    places_px = cut.centre_px[: cut.doubtful_from].astype(np.float64)
    time_s = cut.time_s[: cut.doubtful_from]
    if len(time_s) < 2 or not time_s[-1] > time_s[0]:
        return math.nan
    steps = np.diff(places_px, axis=0)
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum() / (time_s[-1] - time_s[0]))


def read_index(folder: Path) -> Index:
    """Read the tables of an earlier run; none, or damaged ones, are as good as empty."""
    try:
        clips = read_table(folder / CLIPS_FILE, CLIPS)
        tracks = read_table(folder / TRACKS_FILE, TRACKS)
    except TableError:
        return Index({}, no_rows(TRACKS))
    rows = clips.reindex(columns=list(CLIPS.columns)).to_dict("records")
    by_sample = {str(row["sample_id"]): {str(k): v for k, v in row.items()} for row in rows}
    return Index(by_sample, tracks[list(TRACKS.columns)])


def write_index(folder: Path, rows: Sequence[Row], tracks: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Write both tables, in the order of `rows`; return that of the clips."""
    clips = typed(pd.DataFrame(list(rows), columns=list(CLIPS.columns)), CLIPS)
    found = typed(pd.concat([no_rows(TRACKS), *tracks], ignore_index=True), TRACKS)
    places = {sample_id: place for place, sample_id in enumerate(clips["sample_id"])}
    in_order = found["sample_id"].map(places).to_numpy().argsort(kind="stable")
    write_table(folder / TRACKS_FILE, found.iloc[in_order].reset_index(drop=True), TRACKS)
    write_table(folder / CLIPS_FILE, clips, CLIPS)
    return clips
