"""Process groups that work for a run: written down while they do, ended when it is over."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

from rostfine.files import drop_half_written, read_json, write_json

GRACE_S: Final = 10
TICK_S: Final = 0.1


@contextmanager
def noted(path: Path, group: int) -> Iterator[None]:
    """Keep at `path` which process group is at work, while the block runs."""
    write_json(path, {"group": group, "started_s": psutil.Process(group).create_time()})
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def end_left_behind(path: Path, log: Callable[[str], None]) -> None:
    """End the group that a killed run noted at `path` and left at work."""
    drop_half_written(path)
    if not path.exists():
        return
    with suppress(ValueError, KeyError, TypeError):
        left = read_json(path)
        group = int(left["group"])
        if members(group) and not _is_another(group, left["started_s"]):
            log(f"ends what a killed run left at work: process group {group}")
            end_group(group)
    path.unlink()


def end_group(group: int) -> None:
    """End what is left of a process group, by force if it does not go by itself."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(group, how)
        give_up = time.monotonic() + GRACE_S
        while members(group) and time.monotonic() < give_up:
            time.sleep(TICK_S)


def members(group: int) -> list[int]:
    """List the processes of a group that still run."""
    found = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def _is_another(group: int, started_s: float) -> bool:
    """Tell whether the number went to another process since; while a group lives, it does not."""
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(group).create_time() != started_s)
    return False
