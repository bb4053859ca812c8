"""What MLflow is to be told, kept on disk until it was sent.

mlflow-outbox/<key>/
├── journal.jsonl    a line for each thing told, only ever appended to; its writer holds its lock
├── sent.json        how far it was sent, and to which runs
├── sending.lock     held by whoever sends
└── artifacts/<fit>/ the files of each fit
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rostfine.errors import ParamsError
from rostfine.files import read_json, write_json
from rostfine.parsing import parse, plain

FOLDER: Final = "mlflow-outbox"
Line = dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """How far the journal `log` was sent to `uri`: its first `offset` bytes, into `runs` by fit.

    `done` are the fits of a journal's last line whose results were sent.
    """

    uri: str
    log: str
    offset: int = 0
    runs: Mapping[str, str] = field(default_factory=dict)
    done: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outbox:
    """The folder of one experiment's outbox."""

    folder: Path

    @property
    def journal(self) -> Path:
        """Where the lines are."""
        return self.folder / "journal.jsonl"

    @property
    def sending(self) -> Path:
        """The file that whoever sends has locked."""
        return self.folder / "sending.lock"

    @property
    def artifacts(self) -> Path:
        """Where the files of each fit are."""
        return self.folder / "artifacts"

    def read(self, offset: int = 0) -> Iterator[tuple[Line, int]]:
        """Yield the whole lines from the byte `offset` on, each with the offset of its end."""
        with suppress(FileNotFoundError), self.journal.open("rb") as file:
            file.seek(offset)
            for text in file:
                if not text.endswith(b"\n"):
                    return
                offset += len(text)
                yield _parse_line(text), offset

    def head(self) -> Line | None:
        """Return the first line, which says what the runs are; None if it was never whole."""
        first = next(self.read(), ({}, 0))[0]
        return first if "log" in first else None

    def is_finished(self) -> bool:
        """Tell whether nothing more is to come."""
        return any(line["kind"] == "finish" for line, _ in self.read())

    def load_sent(self, uri: str, log: str) -> Sent:
        """Return how far the journal `log` was sent to `uri`."""
        try:
            sent = parse(Sent, read_json(self.folder / "sent.json"))
        except (OSError, ValueError, ParamsError):
            return Sent(uri, log)
        return sent if (sent.uri, sent.log) == (uri, log) else Sent(uri, log)

    def save_sent(self, sent: Sent) -> None:
        """Keep how far the journal was sent."""
        write_json(self.folder / "sent.json", plain(sent))

    def keep(self, fit: str, files: Sequence[Path]) -> None:
        """Link or copy the files of a fit, so that they outlast what happens to the run folder."""
        target = self.artifacts / fit
        target.mkdir(parents=True, exist_ok=True)
        for file in files:
            (target / file.name).unlink(missing_ok=True)
            try:
                os.link(file.resolve(), target / file.name)
            except OSError:
                shutil.copyfile(file, target / file.name)

    def remove(self) -> None:
        """Remove the folder, the journal last: whatever else is gone already is sent anew."""
        shutil.rmtree(self.artifacts, ignore_errors=True)
        for path in self.folder.iterdir():
            if path != self.journal:
                path.unlink(missing_ok=True)
        self.journal.unlink(missing_ok=True)
        # From here on another process may fill it again: these remove what is empty alone.
        with suppress(OSError):
            self.folder.rmdir()
            self.folder.parent.rmdir()


def list_outboxes(workspace: Path) -> list[Outbox]:
    """List the outboxes of a workspace, the oldest first."""
    found = [Outbox(path.parent) for path in (workspace / FOLDER).glob("*/journal.jsonl")]
    return sorted(found, key=lambda outbox: (outbox.head() or {}).get("at_ms", 0))


def _parse_line(text: bytes) -> Line:
    try:
        return {"kind": "", **json.loads(text)}
    except (ValueError, TypeError):
        return {"kind": "damaged"}
