"""One run at a time in a workspace, and nothing left of one that was killed."""

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from flows.groups import end_left_behind
from rostfine.training.fits import FOLDER

LOCK: Final = f"{FOLDER}/flow.lock"
GROUP: Final = f"{FOLDER}/flow-group.json"
"""The process group that works for the run that holds the lock."""
SECONDS_BETWEEN_TRIES: Final = 1.0


@contextmanager
def alone(workspace: Path, what: str, log: Callable[[str], None]) -> Iterator[None]:
    """Hold a workspace for this run; wait for another run that holds it, and say for whom.

    Processes that a killed run left at work are ended first: they would hold DVC's lock.
    """
    path = workspace / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        _wait_for(file, log)
        file.truncate(0)
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        file.write(f"{what}, process {os.getpid()} on {socket.gethostname()}, since {now}")
        file.flush()
        end_left_behind(workspace / GROUP, log)
        yield


def _wait_for(file: IO[str], log: Callable[[str], None]) -> None:
    told = ""
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read() or "another run"
            if holder != told:
                log(f"waits for {holder}")
            told = holder
            time.sleep(SECONDS_BETWEEN_TRIES)
        else:
            return
