"""Cutting what is new: a clip whose key is the same is the same, and is not cut again."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from rostfine.clips.cut import Cut, cut_video, fail
from rostfine.clips.index import Entry, entry_of, read_index, renewed, write_index
from rostfine.clips.keys import content_keys
from rostfine.clips.sources import Source
from rostfine.clips.store import Clip, write_clip
from rostfine.errors import InputError, VideoError
from rostfine.params import ClipParams, TrackingParams
from rostfine.progress import Advance, silent
from rostfine.schemas import FAILED, LOST, OK
from rostfine.tracking.tags import Tag


@dataclass(frozen=True)
class Update:
    """What an update came to: the table of clips, and how many were kept and how many cut."""

    clips: pd.DataFrame
    kept: int
    cut: int

    @property
    def lost(self) -> int:
        """How many sperm went out of sight."""
        return int((self.clips["status"] == LOST).sum())

    @property
    def reasons(self) -> list[str]:
        """A line for each sample that has no clip."""
        bad = self.clips[self.clips["status"] != OK]
        return [f"{s}: {reason}" for s, reason in zip(bad["sample_id"], bad["reason"], strict=True)]

    @property
    def faults(self) -> list[str]:
        """A line for each sample whose video or tag is unusable."""
        bad = self.clips[self.clips["status"] == FAILED]
        return [f"{s}: {reason}" for s, reason in zip(bad["sample_id"], bad["reason"], strict=True)]

    def __str__(self) -> str:
        return (
            f"{self.kept} clips kept, {self.cut} cut, {self.lost} lost, {len(self.faults)} failed"
        )


@dataclass(frozen=True)
class ClipFolder:
    """Where clips and their tables are; the table names clips by their path from `root`."""

    folder: Path
    root: Path

    def clip(self, sample_id: str) -> Path:
        """Return where the clip of a sample is."""
        return self.folder / "clips" / f"{sample_id}.npz"

    def from_root(self, sample_id: str) -> str:
        """Return how the table names the clip of a sample."""
        return self.clip(sample_id).relative_to(self.root).as_posix()


def track_video(
    video: Path, tags: Sequence[Tag], out: Path, *, tracking: TrackingParams, clips: ClipParams
) -> Update:
    """Follow tagged sperm of one video; write `clips/`, clips.parquet, tracks.parquet into `out`.

    Raises VideoError if there is no such file, InputError if `out` holds clips of other samples,
    which would be gone, and InputError with a line for each sample that failed, after all others
    are written, if `tracking.on_bad_input` is stop.
    """
    if not video.is_file():
        raise VideoError(f"{video}: no such file; wanted a video")
    others = sorted(set(read_index(out)) - {tag.sample_id for tag in tags})
    if others:
        raise InputError(
            f"{out}: holds clips of other samples ({', '.join(others[:5])}); wanted a folder of "
            "its own"
        )
    sources = {
        tag.video_id: Source(path=video, fault="", patient_id=tag.video_id, um_per_px=math.nan)
        for tag in tags
    }
    place = ClipFolder(folder=out, root=out)
    update = update_clips(place, tags, sources, tracking=tracking, clips=clips)
    stop_at_faults(update, tracking)
    return update


def stop_at_faults(update: Update, tracking: TrackingParams) -> None:
    """Raise InputError with a line for each failed sample, unless they are to be skipped."""
    if update.faults and tracking.on_bad_input == "stop":
        raise InputError.of_faults(update.faults)


def update_clips(
    place: ClipFolder,
    tags: Sequence[Tag],
    sources: Mapping[str, Source],
    *,
    tracking: TrackingParams,
    clips: ClipParams,
    advance: Advance = silent,
) -> Update:
    """Make clips and tables those of `tags`: keep what is up to date, cut the rest, drop others.

    A video is read only if one of its clips is to be cut. `advance` is called once per video.
    """
    (place.folder / "clips").mkdir(parents=True, exist_ok=True)
    keys = content_keys(tags, sources, tracking=tracking, clips=clips)
    entries = _still_good(place, tags, sources, keys)
    kept = set(entries)
    # Should the run be cut short, no table may vouch for a clip that was replaced.
    write_index(place.folder, list(entries.values()))
    for video_id, source in sources.items():
        new = [tag for tag in tags if tag.video_id == video_id and tag.sample_id not in kept]
        for cut in _cut(source, new, tracking=tracking, clips=clips):
            sample_id = cut.tag.sample_id
            if cut.frames is not None:
                clip = Clip(frames=cut.frames, centre_px=cut.centre_px, score=cut.score)
                write_clip(place.clip(sample_id), clip)
            path = place.from_root(sample_id)
            entries[sample_id] = entry_of(cut, source, path=path, content_key=keys[sample_id])
        advance(note=video_id)
    table = write_index(place.folder, [entries[tag.sample_id] for tag in tags])
    ok = set(table.loc[table["status"] == OK, "sample_id"])
    _drop_others(place, ok)
    return Update(table, kept=len(ok & kept), cut=len(ok - kept))


def _cut(
    source: Source, tags: Sequence[Tag], *, tracking: TrackingParams, clips: ClipParams
) -> list[Cut]:
    if not tags:
        return []
    if source.path is None:
        return [fail(tag, source.fault) for tag in tags]
    return cut_video(source.path, tags, tracking=tracking, clips=clips)


def _still_good(
    place: ClipFolder,
    tags: Sequence[Tag],
    sources: Mapping[str, Source],
    keys: Mapping[str, str],
) -> dict[str, Entry]:
    """Return the entries of an earlier run that a new one would only repeat."""
    before = read_index(place.folder)
    good: dict[str, Entry] = {}
    for tag in tags:
        entry = before.get(tag.sample_id)
        if entry is None or not len(entry.track) or entry.row["content_key"] != keys[tag.sample_id]:
            continue
        if entry.row["status"] == LOST or place.clip(tag.sample_id).is_file():
            path = place.from_root(tag.sample_id)
            good[tag.sample_id] = renewed(entry, sources[tag.video_id], path=path)
    return good


def _drop_others(place: ClipFolder, sample_ids: set[str]) -> None:
    """Remove clips that nobody wants any more, and what a killed run left half-written."""
    for path in (place.folder / "clips").glob("*.npz"):
        if path.stem not in sample_ids:
            path.unlink()
