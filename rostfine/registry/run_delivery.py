"""An outbox to MLflow: a parent run of the experiment, and a child run for each of its fits.

Everything may be sent twice, as a process may be killed between sending and noting that it was
sent: runs are found again by their tags, and MLflow keeps a metric of one time and value once.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from threading import Event
from typing import Any, Final

from rostfine.registry.outbox import Line, Outbox, Sent
from rostfine.registry.run_metrics import fold_spread
from rostfine.registry.store import Store, import_mlflow, open_client, open_experiment

PARENT: Final = "parent"
MOST_METRICS: Final = 1000  # of one request, as MLflow has it
MOST_PARAMS: Final = 100
LINES_AT_ONCE: Final = 200


class Delivery:
    """Sends the journal of one outbox from where it was left; needs the lock of its sender.

    Everything here raises what MLflow raises.
    """

    def __init__(self, outbox: Outbox, head: Line, store: Store) -> None:
        self._outbox, self._head = outbox, head
        self._client = open_client(store)
        self._entities = import_mlflow("mlflow.entities")
        self._experiment_id = open_experiment(self._client, store, head["experiment"])
        fresh = Sent(store.uri, head["log"])
        self._sent = outbox.load_sent(store.uri, head["log"])
        self._sent = self._sent if self._runs_are_there() else fresh

    @property
    def run_id(self) -> str | None:
        """The parent run, once it is there."""
        return self._sent.runs.get(PARENT)

    def send(self, stop: Event) -> bool:
        """Send all that was told by now; False if it was stopped before."""
        for kind, lines in _batches(self._outbox.read(self._sent.offset)):
            if stop.is_set():
                return False
            if kind in SENDERS:
                SENDERS[kind](self, [line for line, _ in lines])
            self._note(offset=lines[-1][1])
        return True

    def send_open(self, lines: Sequence[Line]) -> None:
        """Start the parent run with its params and tags, or go on with runs that had ended."""
        parent = self._run(PARENT)
        for line in lines:
            tags = [self._entities.RunTag(*item) for item in line["tags"].items()]
            self._client.log_batch(parent, tags=tags)
            params = iter(line.get("params", {}).items())
            while some := [self._entities.Param(*item) for item in islice(params, MOST_PARAMS)]:
                self._client.log_batch(parent, params=some)
        for run_id in self._sent.runs.values():
            self._client.update_run(run_id, status="RUNNING")

    def send_epochs(self, lines: Sequence[Line]) -> None:
        """Add points to the curves of the fits' runs."""
        for fit in dict.fromkeys(line["fit"] for line in lines):
            metrics = (
                self._entities.Metric(key, value, line["at_ms"], line["step"])
                for line in lines
                if line["fit"] == fit
                for key, value in line["metrics"].items()
            )
            while some := list(islice(metrics, MOST_METRICS)):
                self._client.log_batch(self._run(fit), metrics=some)

    def send_finish(self, lines: Sequence[Line]) -> None:
        """End every run, with its metrics and files."""
        (line,) = lines
        for fit in line["fits"]:
            if fit not in self._sent.done:
                self._send_result(fit, line)
                self._note(done=(*self._sent.done, fit))
        self._log(PARENT, fold_spread(line["metrics_by_fold"]), line)
        self._client.set_terminated(self._run(PARENT), "FINISHED", line["at_ms"])

    def send_end(self, lines: Sequence[Line]) -> None:
        """End runs that did not come to their end."""
        for run_id in self._sent.runs.values():
            self._client.set_terminated(run_id, lines[-1]["status"], lines[-1]["at_ms"])

    def _send_result(self, fit: str, line: Line) -> None:
        self._log(fit, line["metrics_by_fold"].get(fit, {}), line)
        for file in sorted((self._outbox.artifacts / fit).glob("*")):
            self._client.log_artifact(self._run(fit), str(file))
        self._client.set_terminated(self._run(fit), "FINISHED", line["at_ms"])

    def _log(self, fit: str, metrics: Mapping[str, float], line: Line) -> None:
        self._client.log_batch(
            self._run(fit),
            metrics=[self._entities.Metric(*item, line["at_ms"], 0) for item in metrics.items()],
        )

    def _run(self, fit: str) -> str:
        """Return the id of a fit's run, which is made unless an earlier sender made it."""
        if fit not in self._sent.runs:
            tags = {"log": self._head["log"], "fit": fit}
            same = " and ".join(f"tags.{key} = '{value}'" for key, value in tags.items())
            found = self._client.search_runs([self._experiment_id], same)
            run = found[0] if found else self._create_run(fit, tags)
            self._note(runs={**self._sent.runs, fit: str(run.info.run_id)})
        return self._sent.runs[fit]

    def _create_run(self, fit: str, tags: Mapping[str, str]) -> Any:
        is_parent = fit == PARENT
        return self._client.create_run(
            self._experiment_id,
            start_time=self._head["at_ms"],
            tags=dict(tags) if is_parent else {**tags, "mlflow.parentRunId": self._run(PARENT)},
            run_name=self._head["run_name"] if is_parent else fit,
        )

    def _runs_are_there(self) -> bool:
        """Tell whether nobody deleted the runs meanwhile, or the whole store."""
        exceptions = import_mlflow("mlflow.exceptions")
        try:
            runs = [self._client.get_run(run_id) for run_id in self._sent.runs.values()]
        except exceptions.MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False
        return all(run.info.lifecycle_stage == "active" for run in runs)

    def _note(self, **changes: Any) -> None:
        self._sent = dataclasses.replace(self._sent, **changes)
        self._outbox.save_sent(self._sent)


SENDERS: Final[Mapping[str, Callable[[Delivery, Sequence[Line]], None]]] = {
    "open": Delivery.send_open,
    "epoch": Delivery.send_epochs,
    "finish": Delivery.send_finish,
    "end": Delivery.send_end,
}


def _batches(lines: Iterable[tuple[Line, int]]) -> Iterator[tuple[str, list[tuple[Line, int]]]]:
    """Group lines of one kind that follow each other, so many at most."""
    for kind, group in groupby(lines, key=lambda item: str(item[0]["kind"])):
        while some := list(islice(group, LINES_AT_ONCE)):
            yield kind, some
