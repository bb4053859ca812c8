"""Progress with an ETA: a live bar in a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 5.0


@runtime_checkable
class Advance(Protocol):
    """Called each time some steps are done, with a word on how it goes."""

    def __call__(self, steps: int = 1, note: str = "") -> None:
        """Count `steps` more as done."""


def silent(steps: int = 1, note: str = "") -> None:
    """Show nothing: the default of library functions that take an `Advance`."""


@contextmanager
def progress(label: str, total: int) -> Iterator[Advance]:
    """Show `label` and how many of `total` steps are done while the block runs."""
    if sys.stderr.isatty():
        with _bar(label, total) as advance:
            yield advance
    else:
        yield _Lines(label, total)


@contextmanager
def _bar(label: str, total: int) -> Iterator[Advance]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total, note="")
        yield lambda steps=1, note="": bar.update(task, advance=steps, note=note)


class _Lines:
    """A line at the start, one every few seconds, and one at the end."""

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.done = label, total, 0
        self.started = self.told = time.monotonic()
        self.first: tuple[float, int] | None = None
        _write_line(f"{label}: 0/{total}")

    def __call__(self, steps: int = 1, note: str = "") -> None:
        self.done += steps
        now = time.monotonic()
        # The first steps come late where processes start before them, and tell nothing of the rest.
        self.first = self.first or (now, self.done)
        if self.done < self.total and now - self.told < SECONDS_BETWEEN_LINES:
            return
        self.told = now
        words = [f"{self.label}: {self.done}/{self.total}", self._time(now), note]
        _write_line(", ".join(filter(None, words)))

    def _time(self, now: float) -> str:
        if self.done >= self.total:
            return f"{now - self.started:.1f} s"
        first_s, first_done = self.first or (now, self.done)
        since = self.done - first_done
        return f"{(now - first_s) / since * (self.total - self.done):.0f} s left" if since else ""


def _write_line(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
