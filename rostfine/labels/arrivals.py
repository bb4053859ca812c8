"""What lies in the folder of votes, against the ledger of what was accepted there."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from rostfine.errors import VoteError
from rostfine.files import sha256_of
from rostfine.labels.ledger import LEDGER, Accepted, vote_files


@dataclass(frozen=True)
class Arrival:
    """A settled file; `before` is what was accepted of it, if rows were appended since."""

    path: Path
    sha256: str
    mark: tuple[int, int, int]
    before: Accepted | None = None

    @property
    def is_still(self) -> bool:
        """Tell whether nobody wrote to the file since it was looked at."""
        return _mark(self.path) == self.mark


@dataclass(frozen=True)
class Folder:
    """The files of a folder of votes; those in `known` are as they were accepted."""

    known: tuple[Path, ...]
    waiting: tuple[Path, ...]
    grown: tuple[Arrival, ...]
    new: tuple[Arrival, ...]


def look_at(
    folder: Path,
    ledger: Mapping[str, Accepted],
    *,
    settled_before_s: float,
    whole: Collection[str] = (),
) -> Folder:
    """Sort the files of `folder`, in the order of their names, by what became of them.

    A file changed after `settled_before_s` (seconds since 1970) waits, unless it is in `whole`.

    Raises VoteError with a line for each accepted file that is gone or was edited.
    """
    paths = vote_files(folder)
    faults = [
        f"{folder / name}: {_wanted(ledger[name])}, got no such file; votes are never deleted: "
        f"put it back, or take its row out of {LEDGER}"
        for name in sorted(set(ledger) - {path.name for path in paths})
    ]
    known, waiting, grown, new = list[Path](), list[Path](), list[Arrival](), list[Arrival]()
    for path in paths:
        arrival, before = _arrival(path), ledger.get(path.name)
        if path.name not in whole and arrival.mark[1] > settled_before_s * 1e9:
            waiting.append(path)
        elif before is None:
            new.append(arrival)
        elif arrival.sha256 == before.sha256:
            known.append(path)
        elif _is_longer(path, before):
            grown.append(Arrival(path, arrival.sha256, arrival.mark, before))
        else:
            faults.append(
                f"{path}: {_wanted(before)}, got others; votes are only ever appended to: put the "
                "file back as it was, and what is new into a file of its own"
            )
    if faults:
        raise VoteError.of_faults(faults)
    return Folder(tuple(known), tuple(waiting), tuple(grown), tuple(new))


def _arrival(path: Path) -> Arrival:
    try:
        # The mark comes first: what is written while the file is read shows as a later change.
        mark = _mark(path)
        return Arrival(path, sha256_of(path), mark)
    except OSError as error:
        raise VoteError(f"{path}: wanted a file to read, got {error.strerror}") from error


def _mark(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _wanted(accepted: Accepted) -> str:
    return f"wanted the {accepted.rows} votes accepted at {accepted.accepted_at}"


def _is_longer(path: Path, before: Accepted) -> bool:
    """Tell whether whole lines were appended to what was accepted; other kinds cannot grow."""
    if path.suffix != ".csv":
        return False
    content = path.read_bytes()
    old, appended = content[: before.n_bytes], content[before.n_bytes :]
    # Without a new line between them the last vote would be another one now.
    ends = old.endswith(b"\n") or appended.startswith((b"\n", b"\r\n"))
    return ends and sha256(old).hexdigest() == before.sha256
