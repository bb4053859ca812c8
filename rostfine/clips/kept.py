"""What an earlier run left that a new one would only repeat."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from rostfine.clips.index import Index, Row, read_index, renewed, row_of, track_of
from rostfine.clips.record import Cut
from rostfine.clips.sources import Source
from rostfine.clips.store import read_record
from rostfine.errors import ClipError
from rostfine.schemas import LOST, OK
from rostfine.tracking.tags import Tag


@dataclass(frozen=True)
class ClipFolder:
    """Where clips and their tables are; the table names clips by their path from `root`."""

    folder: Path
    root: Path

    @property
    def clips(self) -> Path:
        """The folder of the clips alone."""
        return self.folder / "clips"

    def clip(self, sample_id: str) -> Path:
        """Return where the clip of a sample is."""
        return self.clips / f"{sample_id}.npz"

    def from_root(self, sample_id: str) -> str:
        """Return how the table names the clip of a sample."""
        return self.clip(sample_id).relative_to(self.root).as_posix()


def find_kept(
    place: ClipFolder,
    tags: Sequence[Tag],
    sources: Mapping[str, Source],
    keys: Mapping[str, str],
) -> Index:
    """Return what the tables, or the clips themselves, say of samples that need no cutting."""
    before = read_index(place.folder)
    tracked, on_disk = set(before.tracks["sample_id"]), {p.stem for p in place.clips.iterdir()}
    rows: dict[str, Row] = {}
    found: list[Cut] = []
    for tag in tags:
        sample_id, source = tag.sample_id, sources[tag.video_id]
        row, path = before.rows.get(sample_id), place.from_root(sample_id)
        if (
            row is not None
            and row["content_key"] == keys[sample_id]
            and sample_id in tracked
            and (row["status"] == LOST or sample_id in on_disk)
        ):
            rows[sample_id] = renewed(row, source, path=path)
        elif sample_id in on_disk and (cut := _recover(place, tag, keys[sample_id])):
            rows[sample_id] = row_of(cut, source, path=path, content_key=keys[sample_id])
            found.append(cut)
    recovered = {cut.tag.sample_id for cut in found}
    kept = before.only(rows.keys() - recovered).tracks
    return Index(rows, pd.concat([kept, *map(track_of, found)], ignore_index=True))


def _recover(place: ClipFolder, tag: Tag, content_key: str) -> Cut | None:
    """Return what a clip says that a killed run wrote and no table tells of, if it is the one."""
    with suppress(ClipError):
        record, inside_px = read_record(place.clip(tag.sample_id))
        if content_key and record.content_key == content_key:
            return Cut(
                tag=tag,
                status=OK,
                reason="",
                frame_rate_hz=record.frame_rate_hz,
                frames=None,
                inside_px=inside_px,
                centre_px=record.centre_px,
                time_s=record.time_s,
                score=record.score,
                is_seen=record.is_seen,
            )
    return None
