"""How the fits of an experiment get on: a table in a terminal, plain lines elsewhere, and a file.

What is shown here is never a reason for training to stop: a terminal that went away, or a disk
without room for the file, is passed over.
"""

import math
import sys
import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from heapq import heapify, heapreplace
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

from rich.console import Console, Group
from rich.live import Live as Screen
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rostfine.files import write_json
from rostfine.progress import SECONDS_BETWEEN_LINES
from rostfine.training.epoch import Epoch, Status

IN_FLIGHT: Final = ("training", "went on")
STYLES: Final[Mapping[Status, str]] = {"waiting": "dim", "done": "green", "failed": "bold red"}
SECONDS_BETWEEN_LOOKS = 1.0
LAST_EPOCHS = 10
"""How many epochs of a fit tell how long its next ones take."""

_Heard = deque[tuple[float, float]]
"""When one heard of each of these epochs, and the seconds that it took."""


@dataclass(frozen=True)
class FitState:
    """How far a fit is; `last` is the newest epoch that was told of."""

    name: str
    epochs_done: int
    epochs: int
    last: Epoch | None = None
    status: Status = "waiting"
    note: str = ""


class Live:
    """While the block runs, show the fits of `experiment` and write how they are to `told`.

    `fits` has the number of epochs of each fit by its name, and `done` how many of them were done
    before. The table is shown where standard error is a terminal, or on `console` if one is given.
    """

    def __init__(
        self,
        experiment: str,
        fits: Mapping[str, int],
        *,
        done: Mapping[str, int] = {},
        told: Path | None = None,
        console: Console | None = None,
    ) -> None:
        self._fits = {name: _start(name, done.get(name, 0), fits[name]) for name in fits}
        self._heard = dict[str, _Heard]()
        self._ends_s: float | None = None
        self._experiment, self._told, self._news = experiment, told, True
        console = console or _find_terminal()
        self._view = _Table(experiment, console) if console else _Lines(experiment)
        self._over = Event()
        self._looks = Thread(target=self._look_now_and_then, daemon=True)

    def __enter__(self) -> "Live":
        """Begin to show."""
        self._view.start(self._states)
        self._look()
        self._looks.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Show the last once more, and leave it there."""
        self._over.set()
        self._looks.join()
        self._look()
        self._view.end(self._states)

    def epoch(self, fit: str, epoch: Epoch) -> None:
        """Say that an epoch of `fit` is done."""
        old = self._fits[fit]
        status: Status = old.status if old.status in IN_FLIGHT else "training"
        heard = self._heard.setdefault(fit, deque(maxlen=LAST_EPOCHS))
        heard.append((time.monotonic(), epoch.seconds))
        new = replace(old, epochs_done=epoch.epoch + 1, last=epoch, status=status)
        self._take(new)
        self._view.tell_epoch(new, self._states, self._left_s)

    def status(self, fit: str, status: Status, note: str = "") -> None:
        """Say what became of `fit`, with a word on it: `went on`, `from epoch 7`."""
        new = replace(self._fits[fit], status=status, note=note)
        self._take(new)
        self._view.tell_status(new)

    @property
    def _states(self) -> list[FitState]:
        return list(self._fits.values())

    @property
    def _left_s(self) -> float | None:
        return None if self._ends_s is None else max(0.0, self._ends_s - time.monotonic())

    def _take(self, state: FitState) -> None:
        self._fits[state.name] = state
        pace_s = {name: _pace_s(heard) for name, heard in self._heard.items()}
        left_s = estimate_left_s(self._states, pace_s)
        self._ends_s = None if left_s is None else time.monotonic() + left_s
        self._news = True

    def _look_now_and_then(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN_LOOKS):
            self._look()

    def _look(self) -> None:
        self._view.look(self._states, self._left_s)
        if self._told and self._news:
            # Before the states are read: what comes while this writes is for the next time.
            self._news = False
            fits = {state.name: _record(state) for state in self._states}
            with suppress(OSError):
                told = {"experiment": self._experiment, "fits": fits, "eta_s": self._left_s}
                write_json(self._told, told)


def estimate_left_s(fits: Iterable[FitState], pace_s: Mapping[str, float]) -> float | None:
    """Estimate how long it takes until all fits are done; None before the first epoch is.

    `pace_s` has the seconds per epoch of the fits that it is known of. As many fits run at once as
    are in flight, and those that wait follow in their order.
    """
    if not pace_s:
        return None
    usual_s = sum(pace_s.values()) / len(pace_s)
    needs = [
        (fit.status, (fit.epochs - fit.epochs_done) * pace_s.get(fit.name, usual_s)) for fit in fits
    ]
    free_in_s = [left_s for status, left_s in needs if status in IN_FLIGHT] or [0.0]
    heapify(free_in_s)
    for left_s in (left_s for status, left_s in needs if status == "waiting"):
        heapreplace(free_in_s, free_in_s[0] + left_s)
    return max(free_in_s)


def _pace_s(heard: _Heard) -> float:
    """Seconds per epoch, with what passes between two."""
    own_s = sum(seconds for _, seconds in heard) / len(heard)
    # Several may be heard of at once, so that the time between them says too little.
    return max(own_s, (heard[-1][0] - heard[0][0]) / max(1, len(heard) - 1))


class _Lines:
    """A line at the start, one every few seconds, one for each mishap, and one at the end."""

    def __init__(self, experiment: str) -> None:
        self.experiment, self.newest = experiment, ""
        self.started = self.told = time.monotonic()

    def start(self, fits: list[FitState]) -> None:
        self._write(_count(self.experiment, fits))

    def tell_epoch(self, fit: FitState, fits: list[FitState], left_s: float | None) -> None:
        self.newest = _words(fit)
        now = time.monotonic()
        if now - self.told >= SECONDS_BETWEEN_LINES:
            self.told = now
            self._write(_count(self.experiment, fits), self.newest, _left(left_s))

    def tell_status(self, fit: FitState) -> None:
        if fit.status in ("failed", "went on"):
            self._write(self.experiment, _note(fit))

    def look(self, fits: list[FitState], left_s: float | None) -> None:
        """Lines do not change once they are written."""

    def end(self, fits: list[FitState]) -> None:
        took = f"{time.monotonic() - self.started:.1f} s"
        self._write(_count(self.experiment, fits), self.newest, took)

    def _write(self, *words: str) -> None:
        # A closed file is a ValueError, and so is a letter that the terminal cannot show.
        with suppress(OSError, ValueError):
            sys.stderr.write(", ".join(filter(None, words)) + "\n")
            sys.stderr.flush()


class _Table:
    """A table that is drawn anew in its place at every look."""

    def __init__(self, experiment: str, console: Console) -> None:
        self.experiment, self.started = experiment, time.monotonic()
        self.screen = Screen(console=console, auto_refresh=False)

    def start(self, fits: list[FitState]) -> None:
        with suppress(OSError, ValueError):
            self.screen.start()

    def tell_epoch(self, fit: FitState, fits: list[FitState], left_s: float | None) -> None:
        """The next look shows it."""

    def tell_status(self, fit: FitState) -> None:
        """The next look shows it."""

    def look(self, fits: list[FitState], left_s: float | None) -> None:
        self._show(fits, _left(left_s))

    def end(self, fits: list[FitState]) -> None:
        self._show(fits, f"{time.monotonic() - self.started:.1f} s")
        with suppress(OSError, ValueError):
            self.screen.stop()

    def _show(self, fits: list[FitState], time_words: str) -> None:
        drawn = draw_table(self.experiment, fits, time_words)
        with suppress(OSError, ValueError):
            self.screen.update(drawn, refresh=True)


def draw_table(experiment: str, fits: list[FitState], time_words: str) -> Group:
    """Draw a row per fit, what was said of them below, and how far all are in the last line."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("fit", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("epoch", justify="right", no_wrap=True)
    table.add_column("", min_width=3, max_width=16)
    for name in ("lr", "train", "fit", "diversity", "valid", "best", "s/epoch"):
        table.add_column(name, justify="right", no_wrap=True)
    for fit in fits:
        status = Text(fit.status, STYLES.get(fit.status, ""))
        bar = ProgressBar(fit.epochs, fit.epochs_done)
        done = f"{fit.epochs_done}/{fit.epochs}"
        table.add_row(Text(fit.name), status, done, bar, *_numbers(fit.last))
    # As text, since brackets in a plain string would be taken for markup.
    notes = [Text(_note(fit)) for fit in fits if fit.note]
    return Group(
        table, *notes, Text(", ".join(filter(None, (_count(experiment, fits), time_words))))
    )


def _numbers(epoch: Epoch | None) -> list[str]:
    if epoch is None:
        return ["-"] * 7
    train, valid = epoch.train, epoch.valid
    losses = [f"{train.total:.4f}", f"{train.fit:.4f}"]
    losses += [f"{train.diversity:.4f}" if train.pairs else "-"]
    losses += [f"{valid.total:.4f}" if valid else "-"]
    return [f"{epoch.lr:.3g}", *losses, f"{epoch.best + 1}", f"{epoch.seconds:.1f}"]


def _words(fit: FitState) -> str:
    if fit.last is None:
        return ""
    train, valid = fit.last.train, fit.last.valid
    parts = f" (fit {train.fit:.4f}, diversity {train.diversity:.4f})" if train.pairs else ""
    judged = f" valid {valid.total:.4f}" if valid else ""
    return f"{fit.name} epoch {fit.epochs_done}/{fit.epochs} loss {train.total:.4f}{parts}{judged}"


def _note(fit: FitState) -> str:
    return f"{fit.name} {fit.status}" + (f": {fit.note}" if fit.note else "")


def _count(experiment: str, fits: list[FitState]) -> str:
    done, all_of_them = sum(fit.epochs_done for fit in fits), sum(fit.epochs for fit in fits)
    return f"{experiment}, epochs: {done}/{all_of_them}"


def _left(left_s: float | None) -> str:
    return "" if left_s is None else f"{left_s:.0f} s left"


def _record(fit: FitState) -> dict[str, Any]:
    loss = fit.last.train.total if fit.last else math.nan
    told = loss if math.isfinite(loss) else None  # JSON has no NaN
    return {"done": fit.epochs_done, "epochs": fit.epochs, "status": fit.status, "loss": told}


def _start(name: str, done: int, epochs: int) -> FitState:
    return FitState(name, done, epochs, status="done" if done >= epochs else "waiting")


def _find_terminal() -> Console | None:
    with suppress(ValueError):  # of a closed file
        if sys.stderr.isatty():
            console = Console(stderr=True)
            # A terminal that cannot go back to an earlier line would show nothing before the end.
            return None if console.is_dumb_terminal else console
    return None
