"""Where an experiment is trained, `checkpoints/<experiment>`: what is done there outlives any run.

It is no output of a stage: DVC clears those before a stage runs, and a run that was cut short is to
go on from here.
"""

import fcntl
import logging
import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import rostfine
from rostfine.errors import BusyError
from rostfine.files import read_json, sha256_of, write_json
from rostfine.parsing import flatten, plain
from rostfine.training.checkpoint import differences
from rostfine.training.fits import FOLDER, Fit
from rostfine.training.saved import ModelSettings

logger = logging.getLogger(__name__)

IDENTITY: Final = "identity.json"
SHARED: Final = "shared"
DONE: Final = "done.json"
PLACED: Final = "placed.json"
DATA: Final = {"clips": "clips", "labels": "labels", "folds": "folds"}
"""Tables of `data` whose content an experiment is trained on."""
CODE: Final = (
    "training",
    "models",
    "evaluation",
    "clips",
    "labels/folds.py",
    "losses.py",
    "variants.py",
)
LOOKS_ON: Final = {
    "board.py",
    "cost.py",
    "curves.py",
    "drawing.py",
    "live.py",
    "pace.py",
    "placement.py",
    "trial.py",
}
LIBRARIES: Final = ("torch", "scikit-learn")
"""Modules that decide what comes out, and those beside them that do not."""
IDLE: Final = ("tracking.videos_at_once", "tracking.on_bad_input", "experiment.final")
"""Settings that travel with a model and change nothing in a fit."""


@dataclass(frozen=True)
class Work:
    """The folder of an experiment at work; `identity` says by dotted keys what is trained."""

    folder: Path
    identity: Mapping[str, str]

    @property
    def key(self) -> str:
        """A name for this training that no other has."""
        text = "\n".join(f"{key}={value}" for key, value in sorted(self.identity.items()))
        return sha256(text.encode()).hexdigest()[:16]

    def of(self, fit: Fit) -> Path:
        """Return the folder of a fit."""
        return self.folder / fit.folder

    def prepare(self) -> None:
        """Make the folder; what another training left there is set aside, saying what differs.

        One such is kept, and is gone on from when its settings come back.
        """
        aside = self.folder.with_name(f"{self.folder.name}.before")
        spare = aside.with_suffix(".spare")
        if spare.exists() and not self.folder.exists():
            spare.rename(self.folder)  # a process was killed just then
        other = differences(self.identity, _read(self.folder / IDENTITY))
        if self.folder.exists() and other:
            logger.warning("%s: of another training, set aside: %s", self.folder, other)
            back = not differences(self.identity, _read(aside / IDENTITY))
            self._exchange(aside, spare, back=back)
        for left in [*self.folder.glob(".ray-*"), *self.folder.glob("*/.[!.]*")]:
            # What killed processes left half-written.
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        write_json(self.folder / IDENTITY, dict(self.identity), durable=True)

    def _exchange(self, aside: Path, spare: Path, *, back: bool) -> None:
        shutil.rmtree(spare, ignore_errors=True)
        self.folder.rename(spare)
        if back:
            aside.rename(self.folder)
        shutil.rmtree(aside, ignore_errors=True)
        spare.rename(aside)

    def is_done(self, fit: Fit) -> bool:
        """Tell whether all that a fit leaves is there, as it was written."""
        folder = self.of(fit)
        said = _read(folder / DONE)
        try:
            return bool(said) and all(sha256_of(folder / k) == v for k, v in said.items())
        except OSError:
            return False

    def mark_done(self, fit: Fit, files: Sequence[str]) -> None:
        """Say that `files` are all that a fit leaves, and drop its checkpoints."""
        folder = self.of(fit)
        sums = {name: sha256_of(folder / name) for name in files}
        write_json(folder / DONE, sums, durable=True)
        for path in folder.glob("epoch_*"):
            path.unlink()

    def epochs_done(self, fit: Fit) -> int:
        """Count the epochs of a fit that is not done yet, by its newest checkpoint."""
        found = self.of(fit).glob("epoch_*.json")
        return max((int(path.stem.removeprefix("epoch_")) + 1 for path in found), default=0)

    def threads(self, wanted: int) -> int:
        """Return on how many threads a fit computes: as at first, because sums depend on it."""
        path = self.folder / PLACED
        held = _read(path).get("threads")
        if not isinstance(held, int):
            write_json(path, {"threads": wanted})
            return wanted
        return held

    def hand_over(self, fit: Fit, run_folder: Path) -> None:
        """Put what a fit left into a run's folder too, without a second copy where possible."""
        target = run_folder / fit.folder
        target.mkdir(parents=True, exist_ok=True)
        for name in _read(self.of(fit) / DONE):
            source = self.of(fit) / name
            # What stood there may share its bytes with a training that was set aside.
            (target / name).unlink(missing_ok=True)
            try:
                os.link(source, target / name)
            except OSError:
                shutil.copyfile(source, target / name)


def work_on(workspace: Path, settings: ModelSettings, *, workers_per_fold: int) -> Work:
    """Return the work of an experiment, known by its settings, its data and the code."""
    pretrained = settings.experiment.model.pretrained
    held = {name: getattr(settings, name) for name in ("experiment", "tracking", "clips")}
    identity = {k: v for k, v in flatten(plain(held)).items() if k not in IDLE}
    data = {name: workspace / "data" / f"{table}.parquet" for name, table in DATA.items()}
    if pretrained is not None and Path(workspace, pretrained).is_file():
        data["weights"] = Path(workspace, pretrained)
    identity["training.workers_per_fold"] = str(workers_per_fold)
    return known_by(workspace, settings.experiment_name, identity, data)


def known_by(
    workspace: Path,
    name: str,
    settings: Mapping[str, str],
    data: Mapping[str, Path],
    code: Sequence[str] = CODE,
    libraries: Sequence[str] = LIBRARIES,
) -> Work:
    """Return the work of a training by its settings, its files of data, and its code."""
    identity = dict(settings)
    identity["versions"] = ", ".join(f"{library} {version(library)}" for library in libraries)
    for what, path in data.items():
        identity[f"data.{what}"] = sha256_of(path)
    identity["code"] = _code_digest(code)
    return Work(workspace / FOLDER / name, identity)


def shared_work(work: Work, named: Iterable[str]) -> Work:
    """Return the work of one of the `named` experiments that trains the same, or one by its key.

    What lies under its key is never set aside: another training has another key.
    """
    for name in named:
        folder = work.folder.with_name(name)
        if not differences(work.identity, _read(folder / IDENTITY)):
            return replace(work, folder=folder)
    return replace(work, folder=work.folder.with_name(SHARED) / work.key)


@contextmanager
def only_one(workspace: Path, what: str) -> Iterator[None]:
    """Hold the workspace for this process while it trains.

    Raises BusyError naming the process that holds it.
    """
    path = workspace / FOLDER / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            said = file.read().strip() or "another process"
            raise BusyError(f"{workspace.resolve()}: already trained in by {said}") from None
        file.truncate(0)
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        file.write(f"process {os.getpid()} on {socket.gethostname()} ({what}, since {now})")
        file.flush()
        yield


def _read(path: Path) -> Mapping[str, Any]:
    """Read a JSON object; one that is missing or damaged is as good as empty."""
    try:
        held = read_json(path)
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def _code_digest(code: Sequence[str]) -> str:
    root = Path(rostfine.__file__).parent
    files = [path for name in code for path in _modules(root / name)]
    return sha256("".join(map(sha256_of, files)).encode()).hexdigest()


def _modules(path: Path) -> list[Path]:
    found = [path] if path.is_file() else sorted(path.rglob("*.py"))
    return [path for path in found if path.name not in LOOKS_ON]
