"""MLflow runs of a cross-validation: told as it trains, and never waited for."""

import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from rostfine.parsing import flatten, plain
from rostfine.registry.run_journal import open_journal
from rostfine.registry.run_metrics import epoch_metrics
from rostfine.registry.run_sender import Sender
from rostfine.registry.store import find_store
from rostfine.training.epoch import Epoch
from rostfine.training.saved import SETTINGS, WEIGHTS, Settings

logger = logging.getLogger(__name__)

FINISH_WAIT_S: Final = 30.0
CLOSE_WAIT_S: Final = 10.0


class RunLog:
    """Tells MLflow of an experiment as it trains; slow or unreachable servers hold nothing up.

    Everything is written to the workspace's `mlflow-outbox/<key>` first and sent from there by a
    thread. A run that broke off goes on, in MLflow too, when it is opened again with its `key`.

    Raises RegistryError if no registry is named and this is no workspace, or another process is
    at the runs of this key.
    """

    def __init__(
        self, workspace: Path, settings: Settings, *, key: str, tags: Mapping[str, str]
    ) -> None:
        self._store, self._workspace = find_store(workspace), workspace
        self._name = settings.experiment_name
        self._journal = open_journal(workspace, key)
        self._outbox, lines = self._journal.outbox, self._journal.lines
        told = [line for line in lines if line["kind"] == "epoch"]
        self._told = {(line["fit"], line["step"]) for line in told}
        self._fits = dict.fromkeys(line["fit"] for line in told)
        self._finished = self._closed = self._warned = False
        with self._disk():
            self._journal.append("open", **_describe(settings, tags, is_new=not lines))
        self._sender = Sender(self._outbox, self._store, workspace)
        self._sender.tell()

    def epoch(self, fit: str, epoch: Epoch) -> None:
        """Tell of an epoch of a fit ("fold_0", "final"), unless it was told before."""
        if (fit, epoch.epoch) in self._told:
            return
        self._told.add((fit, epoch.epoch))
        self._fits[fit] = None
        with self._disk():
            self._journal.append("epoch", fit=fit, step=epoch.epoch, metrics=epoch_metrics(epoch))
        self._sender.tell()

    def finish(
        self,
        run_folder: Path,
        metrics_by_fold: Mapping[str, Mapping[str, float]],
        *,
        wait_s: float = FINISH_WAIT_S,
    ) -> str | None:
        """Tell of the results: metrics by fold, and the saved model of each fit's folder.

        Returns the id of the parent run, or None if not all was sent within `wait_s`; it is kept
        then, and sent by whatever run comes next.
        """
        fits = list(dict.fromkeys([*self._fits, *metrics_by_fold]))
        plain_metrics = {
            fold: {name: float(value) for name, value in metrics.items()}
            for fold, metrics in metrics_by_fold.items()
        }
        with self._disk():
            for fit in fits:
                files = [run_folder / fit / name for name in (WEIGHTS, SETTINGS)]
                self._outbox.keep(fit, [file for file in files if file.is_file()])
            self._journal.append("finish", fits=fits, metrics_by_fold=plain_metrics)
            self._finished = True
        sent = self._finished and self._sender.drain(wait_s)
        self.close()
        if sent:
            return self._sender.run_id
        logger.warning(
            "MLflow at %s %s: the runs of %s are kept in %s, the next run sends them",
            self._store.uri,
            "does not answer" if self._sender.failing else f"took more than {wait_s:g} s",
            self._name,
            self._outbox.folder.relative_to(self._workspace),
        )
        return None

    def close(self, *, wait_s: float = CLOSE_WAIT_S) -> None:
        """End the runs as failed, unless they are finished; waits `wait_s` at most for MLflow."""
        if self._closed:
            return
        self._closed = True
        if not self._finished:
            with self._disk():
                self._journal.append("end", status="FAILED")
            self._sender.drain(wait_s)
        self._journal.close()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """Say once that the outbox cannot be written; training goes on."""
        try:
            yield
        except OSError as error:
            if not self._warned:
                logger.warning("%s: MLflow is not told all: %s", self._outbox.folder, error)
            self._warned = True


def _describe(settings: Settings, tags: Mapping[str, str], *, is_new: bool) -> dict[str, Any]:
    """Return what the first line says of the runs, or the tags alone when they go on."""
    told = {
        "tags": {
            "experiment": settings.experiment_name,
            "variant": settings.variant,
            "rostfine_version": version("rostfine"),
            **tags,
        }
    }
    if not is_new:
        return {**told}
    return {
        **told,
        "log": uuid.uuid4().hex,
        "experiment": settings.experiment_name,
        "run_name": f"cross_validate {settings.experiment_name}",
        "params": flatten(plain(settings)),
    }
