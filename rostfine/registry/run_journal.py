"""Writing to an outbox: one process at a time, and never half a line that stays."""

import fcntl
import json
import os
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO, Any, Final

from rostfine.errors import RegistryDownError, RegistryError
from rostfine.registry.outbox import FOLDER, Outbox

WRITER_LEAVES_WITHIN_S: Final = 5.0
"""A killed process keeps its locks until the system has cleared it away."""

MOST_REMOVALS: Final = 1000
"""Processes that end remove their outboxes while others open theirs; this many never do."""


class Journal:
    """The journal of an outbox, open for appending; one process at a time has it so."""

    def __init__(self, file: IO[bytes], outbox: Outbox) -> None:
        self._file, self.outbox = file, outbox
        found = list(outbox.read())
        # What follows is a line that a killed process did not write to its end.
        file.truncate(found[-1][1] if found else 0)
        self.lines = [line for line, _ in found]

    def append(self, kind: str, *, at_ms: int | None = None, **content: Any) -> None:
        """Add a line with the time, now unless `at_ms` is given; raises OSError on a full disk."""
        line = {"kind": kind, "at_ms": at_ms or int(time.time() * 1000), **content}
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Let another process have it."""
        with suppress(OSError):
            self._file.close()


def open_journal(workspace: Path, key: str) -> Journal:
    """Open the journal of `key`: a new one, or that of a run which did not come to its end.

    One that did, and is only to be sent yet, stays beside as it is.

    Raises RegistryError if another process has it open.
    """
    folders = (workspace / FOLDER / (f"{key}~{n}" if n else key) for n in count())
    outbox = next(box for box in map(Outbox, folders) if not box.is_finished())
    until = time.monotonic() + WRITER_LEAVES_WITHIN_S
    while not (journal := try_journal(outbox)):
        if time.monotonic() > until:
            raise RegistryDownError(f"{outbox.folder}: another process tells MLflow of this run")
        time.sleep(0.1)
    if outbox.is_finished():
        journal.close()
        return open_journal(workspace, key)
    return journal


def try_journal(outbox: Outbox) -> Journal | None:
    """Open the journal of an outbox, or return None if another process has it open."""
    file = hold(outbox.journal)
    return Journal(file, outbox) if file else None


def hold(path: Path) -> IO[bytes] | None:
    """Open a file for appending and lock it; None if another has. Closing it frees it."""
    for _ in range(MOST_REMOVALS):
        with suppress(FileNotFoundError, FileExistsError):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("ab")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Whoever had it may have removed it; then this is the lock of nothing.
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    return file
            except BlockingIOError:
                file.close()
                return None
            except OSError:
                file.close()
                raise
            file.close()
    raise RegistryError(f"{path}: cannot be opened, as something removes its folder")
