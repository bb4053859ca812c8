"""Stacks of consecutive frames from evenly spread places of each video: one array per video.

A video is read once, from its first frame on: to jump within one is slower and, in most codecs,
wrong. One that was read before, and is the same, is not read again.
"""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import pandas as pd
from jaxtyping import Int64, UInt8
from numpy import ndarray

from rostfine.errors import ClusterError, InputError, RostfineError, VideoError
from rostfine.files import HashMemo, drop_half_written, written_whole
from rostfine.progress import Advance, silent
from rostfine.schemas import no_rows, read_table, typed, write_table
from rostfine.tracking.parallel import work_through
from rostfine.video.ahead import read_ahead
from rostfine.video.reader import open_video
from rostfine.video.shrink import shrink
from rostfine.visem.params import STACK_FRAMES, FramesParams, VisemParams
from rostfine.visem.tables import PARTICIPANTS, STACKS

FOLDER: Final = Path("visem")
FRAMES: Final = FOLDER / "frames"
TABLE: Final = FOLDER / "frames.parquet"
WHO: Final = FOLDER / "participants.parquet"
HASHES: Final = FOLDER / ".video-hashes.json"
HEADER_LIES: Final = 0.02
"""Of the frames that a header promises, at most, may be missing."""


@dataclass(frozen=True)
class Source:
    """A participant's video, and the key of what is to be kept of it."""

    participant_id: str
    video: Path
    content_key: str


@dataclass(frozen=True)
class FramesUpdate:
    """What an update came to: the table of stacks, and a line for each video that failed."""

    stacks: pd.DataFrame
    kept: int
    read: int
    faults: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"{self.kept} videos kept, {self.read} read, {len(self.faults)} failed; "
            f"{len(self.stacks)} stacks"
        )


def update_frames(params: VisemParams, *, advance: Advance = silent) -> FramesUpdate:
    """Bring the arrays of all participants up to date, standing in their workspace.

    What a killed run had done is kept. `advance` is called once per video.
    """
    FRAMES.mkdir(parents=True, exist_ok=True)
    participants = read_table(WHO, PARTICIPANTS)
    sources, faults = _sources(participants, params)
    before = _rows_before()
    rows = {s.participant_id: before[s.participant_id] for s in sources if _is_kept(s, before)}
    todo, kept = [source for source in sources if source.participant_id not in rows], len(rows)
    # Before the first array is replaced, so that no row ever tells of another one.
    write_table(TABLE, _joined(rows), STACKS)
    advance(len(participants) - len(todo))
    work = partial(_read_or_say, params=params.frames)
    for source, found in work_through(work, todo, at_once=params.frames.videos_at_once):
        if isinstance(found, str | ClusterError):
            faults.append(str(found))
        else:
            rows[source.participant_id] = found
            # Written each time, so that a killed run loses one video at most.
            write_table(TABLE, _joined(rows), STACKS)
        advance(note=source.participant_id)
    _drop_others(rows)
    stacks = _joined(rows)
    write_table(TABLE, stacks, STACKS)
    return FramesUpdate(stacks, kept, len(rows) - kept, tuple(faults))


def stop_at_faults(update: FramesUpdate, params: VisemParams) -> None:
    """Raise InputError with a line for each failed video, unless they are to be skipped."""
    if update.faults and params.data.on_bad_input == "stop":
        raise InputError.of_faults(update.faults)


def spread(frames: int, positions: int) -> Int64[ndarray, " position"]:
    """Return where stacks begin in a video of so many frames: evenly, and as many as there can be.

    The published code goes on by frames / positions each time, from the first frame.
    """
    room = max(0, frames - STACK_FRAMES + 1)
    count = min(positions, room)
    starts: Int64[ndarray, " position"] = np.arange(count) * room // max(count, 1)
    return starts


def read_stacks(path: Path, target: Path, params: FramesParams) -> pd.DataFrame:
    """Read a video into one array, uint8 (position, frame, row, col), and return where from.

    A header that promises a few frames too many costs a second reading. Raises VideoError if the
    video cannot be read, breaks off early, or is shorter than a stack.
    """
    promised = there = _promised(path)
    with written_whole(target) as beside:
        while True:
            starts = spread(there, params.positions)
            if not len(starts):
                raise VideoError(f"{path}: wanted {STACK_FRAMES} frames or more, got {there}")
            with beside.open("wb") as file:
                times_s, there = _write(file, path, starts, size_px=params.image_px)
            if len(times_s) == len(starts):
                break
            if there < (1 - HEADER_LIES) * promised:
                raise VideoError(f"{path}: breaks off: wanted {promised} frames, got {there}")
    return pd.DataFrame({"stack": np.arange(len(starts)), "first_frame": starts, "time_s": times_s})


def _write(
    file: IO[bytes], path: Path, starts: Int64[ndarray, " position"], *, size_px: int
) -> tuple[list[float], int]:
    """Write an array stack by stack; return when each begins, and how many frames were read.

    Of a video that ends too soon there are fewer times than stacks.
    """
    shape = (len(starts), STACK_FRAMES, size_px, size_px)
    said = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, said)
    times_s, count = list[float](), 0
    # Neighbouring stacks may overlap: a frame that several want is shrunk once.
    last = deque[tuple[float, UInt8[ndarray, "row col"]]](maxlen=STACK_FRAMES)
    with open_video(path) as video, closing(read_ahead(video.frames())) as frames:
        for frame in frames:
            count, start = frame.index + 1, starts[len(times_s)]
            if frame.index >= start:
                last.append((frame.time_s, shrink(frame.luma, size_px=size_px)))
            if count == start + STACK_FRAMES:
                times_s.append(last[0][0])
                file.writelines(small.data for _, small in last)
                if len(times_s) == len(starts):
                    break
    return times_s, count


def _promised(path: Path) -> int:
    """Return how many frames the header says there are; counted where it says nothing."""
    with open_video(path) as video:
        if video.info.frame_count is not None:
            return video.info.frame_count
        return sum(1 for _ in video.frames())


def _read_or_say(source: Source, params: FramesParams) -> pd.DataFrame | str:
    path = FRAMES / f"{source.participant_id}.npy"
    drop_half_written(path)
    try:
        rows = read_stacks(source.video, path, params)
    except RostfineError as error:
        return f"participant {source.participant_id}: {error}"
    rows["participant_id"], rows["path"] = source.participant_id, str(path)
    rows["content_key"] = source.content_key
    return typed(rows, STACKS)


def _sources(participants: pd.DataFrame, params: VisemParams) -> tuple[list[Source], list[str]]:
    wanted = f"{params.frames.positions} {params.frames.image_px} {STACK_FRAMES}"
    memo, sources, faults = HashMemo(HASHES), list[Source](), list[str]()
    rows = zip(participants["participant_id"], participants["video"], strict=True)
    for participant_id, name in rows:
        path = Path(params.data.folder) / name
        try:
            key = sha256(f"{memo.sha256_of(path)} {wanted}".encode()).hexdigest()
        except OSError as error:
            faults.append(f"participant {participant_id}: {path}: {error.strerror}")
        else:
            sources.append(Source(participant_id, path, key))
    memo.save()
    twins = _twins(sources)
    faults += [
        f"participants {', '.join(ids)}: wanted a video each, got the same bytes" for ids in twins
    ]
    doubled = {one for ids in twins for one in ids}
    return [source for source in sources if source.participant_id not in doubled], faults


def _twins(sources: Sequence[Source]) -> list[list[str]]:
    """Return who share a video: in two folds it would be on both sides."""
    owners = defaultdict[str, list[str]](list)
    for source in sources:
        owners[source.content_key].append(source.participant_id)
    return [ids for ids in owners.values() if len(ids) > 1]


def _rows_before() -> dict[str, pd.DataFrame]:
    """Return the rows of what was read before, by participant; a damaged table is as none."""
    try:
        table = read_table(TABLE, STACKS)
    except RostfineError:
        return {}
    return {str(one): rows for one, rows in table.groupby("participant_id")}


def _is_kept(source: Source, before: Mapping[str, Any]) -> bool:
    rows = before.get(source.participant_id)
    path = FRAMES / f"{source.participant_id}.npy"
    return rows is not None and set(rows["content_key"]) == {source.content_key} and path.is_file()


def _joined(rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    parts = [rows[participant_id] for participant_id in sorted(rows)]
    return pd.concat(parts, ignore_index=True) if parts else no_rows(STACKS)


def _drop_others(rows: Mapping[str, Any]) -> None:
    """Remove arrays that nobody wants any more, and what a killed run left half-written."""
    for path in FRAMES.glob("*.npy"):
        if path.stem not in rows:
            path.unlink()
