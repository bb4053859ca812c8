"""Running DVC from a flow: its lines in the run's log, its processes gone when the run is."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path


class StageFailed(RuntimeError):
    """A stage of the pipeline ended with an error; its own last lines say which."""


def stage_names(workspace: Path) -> list[str]:
    """List the stages of the workspace in the order in which they are written down."""
    return _output(workspace, "stage", "list", "--name-only").split()


def is_up_to_date(workspace: Path) -> bool:
    """Tell whether no vote, video, tag, param or code changed since the pipeline last ran."""
    return not json.loads(_output(workspace, "status", "--json"))


def reproduce(workspace: Path, stage: str, log: Callable[[str], None]) -> None:
    """Run one stage if it is not up to date; each line that it prints goes to `log`.

    The stage is started in a process group of its own, and the group is ended with this call.

    Raises StageFailed with the last lines if it fails.
    """
    process = subprocess.Popen(
        ["dvc", "repro", "--single-item", stage],
        cwd=workspace,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    lines = list[str]()
    try:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            log(lines[-1])
        code = process.wait()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
    if code:
        raise StageFailed(f"{stage} failed: {' | '.join(lines[-5:])}")


def _output(workspace: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["dvc", *arguments], cwd=workspace, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StageFailed(f"dvc {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout
