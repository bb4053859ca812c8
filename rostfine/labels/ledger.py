"""The files of votes, and the ledger of those that were accepted: what each held when it came."""

import fcntl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import pandas as pd

from rostfine.files import drop_half_written, written_whole
from rostfine.schemas import Table, read_table

KINDS: Final = (".csv", ".parquet")
VOTES_FOLDER: Final = Path("data") / "votes"
LEDGER_NAME: Final = ".batches.csv"
"""Among the files of votes, so that DVC sees votes change when they are accepted, not before."""
LEDGER: Final = VOTES_FOLDER / LEDGER_NAME
LOCK: Final = Path("data") / ".batches.lock"
BATCHES: Final = Table(
    {
        "file": "text",
        "rows": "integer",
        "bytes": "integer",
        "sha256": "text",
        "accepted_at": "time",
    },
    key=("file",),
)


@dataclass(frozen=True)
class Accepted:
    """What a batch held when it was accepted."""

    rows: int
    n_bytes: int
    sha256: str
    accepted_at: str


def vote_files(folder: Path) -> list[Path]:
    """List the files of votes of `folder` in the order of their names; hidden ones are none yet."""
    return sorted(
        path
        for path in folder.glob("*")
        if path.suffix in KINDS and not path.name.startswith(".") and path.is_file()
    )


@contextmanager
def ledger_held(workspace: Path) -> Iterator[None]:
    """Hold the ledger for this process; wait for one that holds it."""
    path = workspace / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read_ledger(workspace: Path) -> dict[str, Accepted]:
    """Read what was accepted, by the name of the file; nothing where there is no ledger yet.

    Raises TableError if it is damaged.
    """
    return ledger_of(workspace / VOTES_FOLDER) or {}


def ledger_of(folder: Path) -> dict[str, Accepted] | None:
    """Read the ledger in a folder of votes; None if nothing was ever collected there.

    Raises TableError if it is damaged.
    """
    path = folder / LEDGER_NAME
    if not path.exists():
        return None
    table = read_table(path, BATCHES)[list(BATCHES.columns)]
    return {
        str(file): Accepted(int(count), int(n_bytes), str(digest), at.isoformat())
        for file, count, n_bytes, digest, at in table.itertuples(index=False, name=None)
    }


def write_ledger(workspace: Path, ledger: Mapping[str, Accepted]) -> None:
    """Write the ledger in the order of names, whole or not at all."""
    rows = [
        (name, it.rows, it.n_bytes, it.sha256, it.accepted_at)
        for name, it in sorted(ledger.items())
    ]
    drop_half_written(workspace / LEDGER)
    with written_whole(workspace / LEDGER, durable=True) as beside:
        pd.DataFrame(rows, columns=list(BATCHES.columns)).to_csv(beside, index=False)


def has_new(workspace: Path, settled_s: float, *, now_s: float | None = None) -> str:
    """Tell by names, sizes and times only whether there are settled files that are not accepted.

    Returns a digest of them, the same as long as they are the same; "" if there are none.
    """
    now_s = time.time() if now_s is None else now_s
    ledger = read_ledger(workspace)
    marks = []
    for path in vote_files(workspace / VOTES_FOLDER):
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        accepted = ledger.get(path.name)
        is_new = accepted is None or accepted.n_bytes != stat.st_size
        if is_new and now_s - stat.st_mtime >= settled_s:
            marks.append(f"{path.name}/{stat.st_size}/{stat.st_mtime_ns}")
    return sha256("\n".join(marks).encode()).hexdigest() if marks else ""
