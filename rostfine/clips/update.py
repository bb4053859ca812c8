"""Cutting what is new: a clip whose key is the same is the same, and is not cut again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from rostfine.clips.cut import Cutting
from rostfine.clips.index import TABLES, row_of, track_of, write_index
from rostfine.clips.jobs import Jobs
from rostfine.clips.kept import ClipFolder, find_kept
from rostfine.clips.keys import content_keys
from rostfine.clips.sources import Source
from rostfine.errors import InputError
from rostfine.files import HashMemo, drop_half_written
from rostfine.params import TrackingParams
from rostfine.progress import Advance, silent
from rostfine.schemas import FAILED, LOST, OK
from rostfine.tracking.tags import Tag

HASHES: Final = ".video-hashes.json"
"""Remembers beside the tables what videos hold, so that only new ones are read to know it."""


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
        return self._reasons(self.clips["status"] != OK)

    @property
    def faults(self) -> list[str]:
        """A line for each sample whose video or tag is unusable."""
        return self._reasons(self.clips["status"] == FAILED)

    def _reasons(self, which: pd.Series) -> list[str]:
        bad = self.clips[which]
        return [f"{s}: {reason}" for s, reason in zip(bad["sample_id"], bad["reason"], strict=True)]

    def __str__(self) -> str:
        return (
            f"{self.kept} clips kept, {self.cut} cut, {self.lost} lost, {len(self.faults)} failed"
        )


def stop_at_faults(update: Update, tracking: TrackingParams) -> None:
    """Raise InputError with a line for each failed sample, unless they are to be skipped."""
    if update.faults and tracking.on_bad_input == "stop":
        raise InputError.of_faults(update.faults)


def update_clips(
    place: ClipFolder,
    tags: Sequence[Tag],
    sources: Mapping[str, Source],
    cutting: Cutting,
    *,
    advance: Advance = silent,
) -> Update:
    """Make clips and tables those of `tags`: keep what is up to date, cut the rest, drop others.

    A video is read only if one of its clips is to be cut, `tracking.videos_at_once` of them at a
    time. `advance` is called once per video. Killed at any moment and run again, it ends the same.
    """
    place.clips.mkdir(parents=True, exist_ok=True)
    memo = HashMemo(place.folder / HASHES)
    keys = content_keys(tags, sources, cutting, hash_file=memo.sha256_of)
    memo.save()
    kept = find_kept(place, tags, sources, keys)
    rows, tracks = dict(kept.rows), [kept.tracks]
    # Should the run be cut short, no table may vouch for a clip that was replaced.
    write_index(place.folder, list(rows.values()), tracks)
    todo = [tag for tag in tags if tag.sample_id not in rows]
    jobs = Jobs(keys, place.clips, cutting)
    for cuts in jobs.do_all(todo, sources):
        for cut in cuts:
            sample_id, source = cut.tag.sample_id, sources[cut.tag.video_id]
            path = place.from_root(sample_id)
            rows[sample_id] = row_of(cut, source, path=path, content_key=keys[sample_id])
            tracks.append(track_of(cut))
        advance(note=cuts[0].tag.video_id)
    advance(len(sources) - len({tag.video_id for tag in todo}))
    for name in (*TABLES, HASHES):
        drop_half_written(place.folder / name)
    table = write_index(place.folder, [rows[tag.sample_id] for tag in tags], tracks)
    ok = set(table.loc[table["status"] == OK, "sample_id"])
    _drop_others(place, ok)
    return Update(table, kept=len(ok & kept.rows.keys()), cut=len(ok - kept.rows.keys()))


def _drop_others(place: ClipFolder, sample_ids: set[str]) -> None:
    """Remove clips that nobody wants any more, and what a killed run left half-written."""
    for path in place.clips.glob("*.npz"):
        if path.stem not in sample_ids:
            path.unlink()
