"""Batches of votes: each file is accepted whole into a ledger, or set aside with its faults."""

import time
from collections.abc import Collection as AnyOf
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pandas as pd

from rostfine.errors import VoteError
from rostfine.files import drop_half_written, written_whole
from rostfine.labels.arrivals import Arrival, Folder, look_at
from rostfine.labels.collection import Batch, Collection, Rejected
from rostfine.labels.ledger import (
    VOTES_FOLDER,
    Accepted,
    ledger_held,
    read_ledger,
    write_ledger,
)
from rostfine.labels.votes import read_batch
from rostfine.schemas import VOTES, no_rows
from rostfine.tracking.tags import read_tags

REJECTED: Final = "rejected"
VOTE: Final = list(VOTES.columns)
"""Two rows that are alike in all of them are one vote."""


def collect_batches(
    workspace: Path,
    *,
    settled_s: float,
    now_s: float | None = None,
    whole: AnyOf[str] = (),
) -> Collection:
    """Accept each new file of `data/votes`, or move it with its faults into `rejected` there.

    A file changed less than `settled_s` ago is still arriving, unless it is named in `whole`.

    Raises VoteError, and leaves everything as it is, if an accepted file is gone or edited, or has
    faults in rows that were appended to it: it holds votes that count, and stays where it is.
    """
    now_s = time.time() if now_s is None else now_s
    with ledger_held(workspace):
        ledger = read_ledger(workspace)
        folder = look_at(
            workspace / VOTES_FOLDER, ledger, settled_before_s=now_s - settled_s, whole=whole
        )
        collection, entries = _Sorting(workspace, folder, now_s).sort()
        if entries:
            write_ledger(workspace, {**ledger, **entries})
        # Moved last: one who is killed before finds the same files to be rejected again.
        return replace(collection, rejected=tuple(map(_set_aside, collection.rejected)))


class _Sorting:
    """Sorts the files that are new or have grown; nothing on the disk changes here."""

    def __init__(self, workspace: Path, folder: Folder, now_s: float) -> None:
        self.folder = folder
        self.waiting = list(folder.waiting)
        self.at = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds")
        is_idle = not folder.grown + folder.new
        tags = [] if is_idle else read_tags(workspace / "data" / "tags.csv")
        self.samples = frozenset(tag.sample_id for tag in tags)
        self.seen = no_rows(VOTES).assign(batch=pd.Series(dtype="string"))
        self.batches = list[Batch]()
        self.entries = dict[str, Accepted]()
        if not is_idle:
            for path in folder.known:
                self._see(path.name, read_batch(path, self.samples))

    def sort(self) -> tuple[Collection, dict[str, Accepted]]:
        """Return what is to become of each file, and the new rows of the ledger."""
        self._accept_grown()
        rejected = [it for arrival in self.folder.new if (it := self._accept_or_reject(arrival))]
        collection = Collection(
            accepted=tuple(self.batches),
            rejected=tuple(rejected),
            known=tuple(path.name for path in self.folder.known),
            waiting=tuple(sorted(path.name for path in self.waiting)),
        )
        return collection, self.entries

    def _accept_grown(self) -> None:
        faults = list[str]()
        for arrival in self.folder.grown:
            try:
                votes = read_batch(arrival.path, self.samples)
            except VoteError as error:
                faults += error.faults
                continue
            old = arrival.before.rows if arrival.before else 0
            self._see(arrival.path.name, votes[:old])
            self._accept(arrival, votes)
        if faults:
            raise VoteError.of_faults(
                [*faults, "rows before these were accepted: correct or take out the appended ones"]
            )

    def _accept_or_reject(self, arrival: Arrival) -> Rejected | None:
        path = arrival.path
        try:
            votes = read_batch(path, self.samples)
        except VoteError as error:
            faults = error.faults
        else:
            sources = self._sources(votes)
            if votes.empty or sources.isna().any():
                self._accept(arrival, votes)
                return None
            files = ", ".join(sorted(set(sources)))
            faults = [f"{path}: all {len(votes)} votes are known from {files}"]
        return Rejected(path.name, str(path), tuple(faults)) if self._is_still(arrival) else None

    def _accept(self, arrival: Arrival, votes: pd.DataFrame) -> None:
        if not self._is_still(arrival):
            return
        name = arrival.path.name
        new = votes[self._sources(votes).isna().to_numpy()].drop_duplicates(VOTE)
        experts, samples = frozenset(new["expert_id"]), frozenset(new["sample_id"])
        self.batches.append(Batch(name, len(votes), len(new), experts, samples))
        self.entries[name] = Accepted(len(votes), arrival.mark[0], arrival.sha256, self.at)
        self._see(name, votes)

    def _is_still(self, arrival: Arrival) -> bool:
        """Leave a file alone that somebody wrote to while it was read."""
        if arrival.is_still:
            return True
        self.waiting.append(arrival.path)
        return False

    def _see(self, name: str, votes: pd.DataFrame) -> None:
        seen = pd.concat([self.seen, votes.assign(batch=name)], ignore_index=True)
        self.seen = seen.drop_duplicates(VOTE)

    def _sources(self, votes: pd.DataFrame) -> pd.Series:
        """Return for each vote the batch that held it first, or nothing for a new one."""
        return votes.merge(self.seen, how="left", on=VOTE)["batch"]


def _set_aside(rejected: Rejected) -> Rejected:
    """Move a file into `rejected`, beside a list of its faults; what is there already stays."""
    path = Path(rejected.kept_as)
    kept = _free(path.parent / REJECTED / path.name)
    faults = kept.with_name(f"{kept.name}.faults.txt")
    drop_half_written(faults)
    with written_whole(faults) as beside:
        beside.write_text("".join(f"{fault}\n" for fault in rejected.faults))
    path.rename(kept)
    return replace(rejected, kept_as=str(kept))


def _free(path: Path) -> Path:
    """Return `path`, or the first of NAME-2, NAME-3 ... that no file has."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free
