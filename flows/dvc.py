"""Running DVC from a flow: its lines in the run's log, its processes gone when the run is."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

from flows.alone import GROUP
from flows.groups import end_group, noted
from rostfine.errors import TEMPORARY, RostfineError

DVC = (sys.executable, "-m", "dvc")
# DVC has one exit code for all failures, but says with which a stage ended.
ENDED_WITH = re.compile(r"failed to reproduce '.*': failed to run: .*, exited with (-?\d+)$")


class StageFailed(RuntimeError):
    """A stage of the pipeline ended with an error; its own last lines say which."""

    def __init__(self, stage: str, lines: list[str], code: int = 1) -> None:
        super().__init__(f"{stage} failed: {' | '.join(lines[-5:])}")
        said = [int(found[1]) for found in map(ENDED_WITH.search, lines) if found]
        self.may_pass_later = any(map(_may_pass_later, [code, *said[-1:]]))


def may_pass_later(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    """Retry where a cluster or a server failed; bad input never passes the second time."""
    error = state.result(raise_on_failure=False)
    if isinstance(error, StageFailed):
        return error.may_pass_later
    return isinstance(error, RostfineError) and error.exit_code == TEMPORARY


def stage_names(workspace: Path, pipeline: str = "dvc.yaml") -> list[str]:
    """List the stages of a pipeline of the workspace in the order in which they are written."""
    return _output(workspace, "stage", "list", "--name-only", pipeline).split()


def is_up_to_date(workspace: Path, stages: Sequence[str] = ()) -> bool:
    """Tell whether no vote, video, tag, param or code changed since the pipeline last ran.

    If `stages` are named, only they and what they are made from are looked at.
    """
    only = ["--with-deps", *stages] if stages else []
    changed = json.loads(_output(workspace, "status", "--json", *only))
    # Files under `dvc add` are in the answer too, but no stage of the pipeline makes them.
    return not set(changed) & {*stage_names(workspace), *stages}


def reproduce(
    workspace: Path,
    stage: str,
    log: Callable[[str], None],
    *,
    upstream: bool = False,
    until: float = math.inf,
) -> None:
    """Run one stage if it is not up to date; each line that it prints goes to `log`.

    If `upstream`, the stages that it is made from are brought up to date before it. They are
    started in a process group of their own, and the group is ended with this call, or when the
    monotonic clock says `until`.

    Raises StageFailed with the last lines if it fails or takes too long.
    """
    process = subprocess.Popen(
        [*DVC, "repro", *(() if upstream else ("--single-item",)), stage],
        cwd=workspace,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    lines = list[str]()
    try:
        with noted(workspace / GROUP, process.pid), _ended_at(until, process.pid) as too_long:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                log(lines[-1])
            code = process.wait()
    finally:
        end_group(process.pid)
        process.wait()
    if too_long.is_set():
        raise StageFailed(stage, [*lines, "ended: it took longer than retrain.hours_at_most"])
    if code:
        raise StageFailed(stage, lines, code)


@contextmanager
def _ended_at(until: float, group: int) -> Iterator[threading.Event]:
    """End a process group if the block takes longer; the event tells whether it did."""
    too_long = threading.Event()

    def end() -> None:
        too_long.set()
        end_group(group)

    # A timer's wait may not be infinite.
    timer = threading.Timer(min(max(until - time.monotonic(), 0), threading.TIMEOUT_MAX), end)
    timer.daemon = True
    timer.start()
    try:
        yield too_long
    finally:
        timer.cancel()


def _may_pass_later(code: int) -> bool:
    """Tell whether a process asked for another try or was ended by a signal."""
    # Python has -n for signal n, some shells have 128 + n.
    return code == TEMPORARY or code < 0 or 128 < code < 128 + signal.NSIG


def _environment() -> Mapping[str, str]:
    """Let the `python` of a stage be the one that runs the flow, also where none is activated."""
    here = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join([here, os.environ.get("PATH", "")])}


def _output(workspace: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*DVC, *arguments], cwd=workspace, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StageFailed(" ".join(["dvc", *arguments]), done.stderr.strip().splitlines())
    return done.stdout
