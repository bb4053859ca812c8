"""The progress of each fold of an experiment as an artifact in Prefect's pages."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self, cast
from uuid import UUID

from prefect.artifacts import Artifact, create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import Artifact as ShownArtifact
from prefect.runtime import task_run

from rostfine.files import read_json
from rostfine.training.fits import FOLDER, PROGRESS

SECONDS_BETWEEN_LOOKS = 1.0
LAST_LOOK_S = 30.0


class FoldArtifacts:
    """While the block runs, a progress artifact per fit tells how far it is.

    They are what the training itself writes down, about once a second; all are full if the block
    ends well. Whatever goes wrong with them is told to `warn`, once, and is no reason to stop.
    """

    def __init__(self, workspace: Path, experiment: str, warn: Callable[[str], None]) -> None:
        self._told = workspace / FOLDER / experiment / PROGRESS
        self._experiment, self._warn = experiment, warn
        self._shown = dict[str, tuple[UUID, float, str]]()
        # An earlier run may have left the file, and what it says is over.
        self._read = _stamp(self._told)
        self._over, self._ended_well, self._warned = Event(), False, False
        # In a context of its own, a thread would not know whose artifacts these are.
        self._looks = Thread(target=copy_context().run, args=[self._watch], daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._looks.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Look once more; a server that does not answer is not waited for long."""
        self._ended_well = kind is None
        self._over.set()
        self._looks.join(LAST_LOOK_S)

    def _watch(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN_LOOKS):
            self._try(self._look)
        self._try(self._look)
        if self._ended_well:
            self._try(self._fill)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # a server may fail in any way; training goes on
            if not self._warned:
                self._warn(f"{self._experiment}: progress is not shown: {error!r}")
            self._warned = True

    def _look(self) -> None:
        stamp = _stamp(self._told)
        if stamp is None or stamp == self._read:
            return
        for fit, state in read_json(self._told)["fits"].items():
            self._show(fit, 100 * state["done"] / state["epochs"], _words(state))
        self._read = stamp

    def _fill(self) -> None:
        for fit in self._shown:
            self._show(fit, 100.0, "done")

    def _show(self, fit: str, percent: float, words: str) -> None:
        held = self._shown.get(fit)
        words = f"{self._experiment}, {fit}: {words}"
        if held and held[1:] == (percent, words):
            return
        key = _key(self._experiment, fit)
        shown_as = held[0] if held else _find(key)
        if shown_as:
            update_progress_artifact(shown_as, percent, description=words)
        else:
            made = create_progress_artifact(percent, key=key, description=words)
            shown_as = cast(UUID, made)  # a coroutine only where a flow is one
        self._shown[fit] = (shown_as, percent, words)


def _find(key: str) -> UUID | None:
    """Return what an earlier try of this task has shown under `key`."""
    held = cast(ShownArtifact | None, Artifact.get(key))
    return held.id if held and str(held.task_run_id) == task_run.id else None


def _words(state: Mapping[str, Any]) -> str:
    loss = "" if state["loss"] is None else f", loss {state['loss']:.4f}"
    return f"{state['status']}, epoch {state['done']} of {state['epochs']}{loss}"


def _key(*words: str) -> str:
    """Join words to a key as Prefect wants it: lower case, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-")


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return what tells one version of a file from the next, or None if there is none."""
    with suppress(OSError):
        stat = path.stat()
        return stat.st_mtime_ns, stat.st_ino
    return None
