"""Running DVC from a flow: its lines in the run's log, its processes gone when the run is."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from rostfine.errors import TEMPORARY

DVC = (sys.executable, "-m", "dvc")
GRACE_S = 10


class StageFailed(RuntimeError):
    """A stage of the pipeline ended with an error; its own last lines say which."""

    def __init__(self, stage: str, lines: list[str]) -> None:
        super().__init__(f"{stage} failed: {' | '.join(lines[-5:])}")
        text = "\n".join(lines)
        # DVC has one exit code for all failures, but says with which a stage ended.
        self.may_pass_later = f"exited with {TEMPORARY}" in text or "exited with -" in text


def stage_names(workspace: Path) -> list[str]:
    """List the stages of the workspace in the order in which they are written down."""
    return _output(workspace, "stage", "list", "--name-only").split()


def is_up_to_date(workspace: Path) -> bool:
    """Tell whether no vote, video, tag, param or code changed since the pipeline last ran."""
    changed = json.loads(_output(workspace, "status", "--json"))
    # Files under `dvc add` are in the answer too, but no stage of the pipeline makes them.
    return not set(changed) & set(stage_names(workspace))


def reproduce(workspace: Path, stage: str, log: Callable[[str], None]) -> None:
    """Run one stage if it is not up to date; each line that it prints goes to `log`.

    The stage is started in a process group of its own, and the group is ended with this call.

    Raises StageFailed with the last lines if it fails.
    """
    process = subprocess.Popen(
        [*DVC, "repro", "--single-item", stage],
        cwd=workspace,
        env=_environment(),
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
        _end_group(process)
    if code:
        raise StageFailed(stage, lines)


def _end_group(process: subprocess.Popen[str]) -> None:
    """End what is left of a process group, by force if it does not go by itself."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(GRACE_S)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


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
