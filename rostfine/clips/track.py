"""Following the tagged sperm of one video, outside of any workspace."""

import math
from collections.abc import Sequence
from pathlib import Path

from rostfine.clips.cut import Cutting
from rostfine.clips.kept import ClipFolder
from rostfine.clips.motility import tabulate_motility
from rostfine.clips.sources import Source
from rostfine.clips.update import Update, update_clips
from rostfine.errors import InputError, VideoError
from rostfine.params import MotilityParams
from rostfine.schemas import LOST, MOTILITY, TRACKS, read_table, write_table
from rostfine.tracking.tags import Tag


def track_video(
    video: Path, tags: Sequence[Tag], out: Path, cutting: Cutting, *, um_per_px: float = math.nan
) -> Update:
    """Follow tagged sperm of one video; write `clips/`, clips.parquet, tracks.parquet into `out`.

    Raises VideoError if there is no such file, and InputError if `out` is a file, or holds clips
    of other samples, which would be gone.
    """
    if not video.is_file():
        raise VideoError(f"{video}: no such file; wanted a video")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: wanted a folder to write into, found a file")
    held = {path.stem for path in (out / "clips").glob("[!.]*.npz")}
    others = sorted(held - {tag.sample_id for tag in tags})
    if others:
        raise InputError(
            f"{out}: holds clips of other samples ({', '.join(others[:5])}); wanted a folder of "
            "its own"
        )
    sources = {
        tag.video_id: Source(video, fault="", patient_id=tag.video_id, um_per_px=um_per_px)
        for tag in tags
    }
    return update_clips(ClipFolder(folder=out, root=out), tags, sources, cutting)


def tell_motility(out: Path, params: MotilityParams, *, um_per_px: float) -> Path:
    """Write motility.parquet beside the tracks of `track_video`, and return its path."""
    tracks = read_table(out / "tracks.parquet", TRACKS)
    scales = dict.fromkeys(tracks["sample_id"].unique(), um_per_px)
    path = out / "motility.parquet"
    write_table(path, tabulate_motility(tracks, scales, params), MOTILITY)
    return path


def draw_tracks(video: Path, out: Path, update: Update, *, box_px: int) -> list[Path]:
    """Draw a film and a sheet of the tracks of `track_video`, and return their paths."""
    # Drawing costs seconds to import, and most runs draw nothing.
    from rostfine.clips.pictures.overlay import draw_overlay
    from rostfine.clips.pictures.sheet import draw_sheet

    tracks = read_table(out / "tracks.parquet", TRACKS)
    film, sheet = (out / f"{video.stem}_tracks.{suffix}" for suffix in ("mp4", "png"))
    lost = update.clips[update.clips["status"] == LOST]
    reasons = dict(zip(lost["sample_id"], lost["reason"], strict=True))
    draw_overlay(video, tracks, film, box_px=box_px)
    draw_sheet(video, tracks, sheet, box_px=box_px, lost=reasons)
    return [film, sheet]
