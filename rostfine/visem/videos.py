"""Which video is whose: by a table of the data set, or by the names of the files."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from rostfine.errors import VideoError
from rostfine.files import find_files
from rostfine.video.reader import SUFFIXES
from rostfine.visem.faults import Fault, ids_at_fault
from rostfine.visem.published import ID, PublishedTable, Row, read_published
from rostfine.visem.video_names import parse_video_name

LISTINGS: Final = ("videos.csv", "videos_id.csv")
"""Tables of ID and video; the first that is there counts."""


@dataclass(frozen=True)
class Matched:
    """The video of each participant, relative to the data set, and what is wrong with videos."""

    video_of: Mapping[str, str]
    faults: tuple[Fault, ...]


def find_videos(folder: Path) -> list[str]:
    """Return all videos in `folder` and below it, also behind links, relative to it, sorted."""
    return find_files(folder, SUFFIXES)


def match_videos(folder: Path, participant_ids: Set[str]) -> Matched:
    """Find the one video of each participant of the table of measurements."""
    files = find_videos(folder)
    listing = next((folder / name for name in LISTINGS if (folder / name).exists()), None)
    if listing is None:
        claims, faults = _by_name(folder, files)
    else:
        table = read_published(listing, (ID, "video"))
        if not table.rows:
            return Matched({}, table.faults)
        claims, faults = _by_listing(folder, files, table)
    faults = [*faults, *_shared(folder, claims), *_strangers(folder, claims, participant_ids)]
    faults += _not_one(folder, claims, participant_ids - ids_at_fault(tuple(faults)))
    bad = ids_at_fault(tuple(faults))
    good = sorted(set(claims) & participant_ids - bad, key=int)
    return Matched({one: claims[one][0] for one in good}, tuple(faults))


Claims = Mapping[str, Sequence[str]]


def _by_name(folder: Path, files: Sequence[str]) -> tuple[Claims, list[Fault]]:
    claims: dict[str, list[str]] = defaultdict(list)
    faults = []
    for file in files:
        try:
            claims[parse_video_name(file).participant_id].append(file)
        except VideoError as error:
            faults.append(Fault("", f"{folder}/{error}"))
    return claims, faults


def _by_listing(
    folder: Path, files: Sequence[str], table: PublishedTable
) -> tuple[Claims, list[Fault]]:
    claims: dict[str, list[str]] = defaultdict(list)
    faults = [*table.faults]
    for row in table.rows:
        said = row.cells["video"]
        hits = [file for file in files if said in (file, PurePosixPath(file).name)]
        where = f"{table.path}: row {row.number}, column video"
        if len(hits) != 1:
            got = f"{len(hits)}: {', '.join(hits)}" if hits else f"none named {said!r}"
            line = f"{where}: wanted one file below {folder}, got {got}"
            faults.append(Fault(row.participant_id, line))
            continue
        claims[row.participant_id] += hits
        faults += _other_number(where, row, hits[0])
    told = {file for claimed in claims.values() for file in claimed}
    for file in files:
        if file not in told:
            line = (
                f"{folder / file}: wanted videos with a row in {table.path.name}, got one without"
            )
            faults.append(Fault("", line, is_notice=True))
    return claims, faults


def _other_number(where: str, row: Row, file: str) -> list[Fault]:
    try:
        named = parse_video_name(file).participant_id
    except VideoError:
        return []
    if named == row.participant_id:
        return []
    line = f"{where}: wanted a video of participant {row.participant_id}, got {file!r}"
    return [Fault(row.participant_id, line, is_notice=True)]


def _shared(folder: Path, claims: Claims) -> Iterator[Fault]:
    owners: dict[str, list[str]] = defaultdict(list)
    for participant_id, files in claims.items():
        for file in files:
            owners[file].append(participant_id)
    for file, several in owners.items():
        for participant_id in several if len(several) > 1 else ():
            got = ", ".join(several)
            line = f"{folder / file}: wanted a video of one participant, got it for {got}"
            yield Fault(participant_id, line)


def _strangers(folder: Path, claims: Claims, participant_ids: Set[str]) -> Iterator[Fault]:
    for participant_id in sorted(set(claims) - participant_ids, key=int):
        for file in claims[participant_id]:
            got = f"got one of participant {participant_id}, who has no row"
            yield Fault(participant_id, f"{folder / file}: wanted a video of a participant, {got}")


def _not_one(folder: Path, claims: Claims, participant_ids: Set[str]) -> Iterator[Fault]:
    for participant_id in sorted(participant_ids, key=int):
        files = claims.get(participant_id, ())
        if len(files) != 1:
            got = ", ".join(files) or "none"
            line = f"{folder}: participant {participant_id}: wanted one video, got {got}"
            yield Fault(participant_id, line)
