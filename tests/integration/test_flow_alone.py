"""Retraining flows that meet, are killed, cancelled or too slow: real Prefect, real DVC."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# The first time `first` leaves its number and waits for `go`; the second time it is done at once.
PIPELINE = """
stages:
  first:
    cmd: python first.py
    deps: [first.py]
    outs: [first.txt]
  last:
    cmd: python last.py
    deps: [first.txt, last.py]
    outs: [last.txt]
"""
SLOW_ONCE = """
import os, pathlib, time
tries = pathlib.Path('tries')
tries.touch()
held = tries.read_text()
tries.write_text(held + f'{os.getpid()}\\n')
while not (held or pathlib.Path('go').exists()):
    time.sleep(0.1)
pathlib.Path('first.txt').write_text('done')
"""
WRITE = "import pathlib; pathlib.Path('last.txt').write_text('done')\n"
RETRAIN = ("python", "-m", "flows.retrain", ".")


@pytest.fixture
def graph(new_workspace, prefect_api):
    # One that a killed run starts for itself would stay.
    workspace = new_workspace("alone")
    (workspace.folder / "dvc.yaml").write_text(PIPELINE)
    (workspace.folder / "first.py").write_text(SLOW_ONCE)
    (workspace.folder / "last.py").write_text(WRITE)
    return workspace


def wait_for(text: str, path: Path, seconds: float = 120) -> str:
    """Return what a file holds, once it holds `text`."""
    for _ in range(round(seconds * 10)):
        with suppress(OSError):
            if text in (held := path.read_text()):
                return held
        time.sleep(0.1)
    raise AssertionError(f"{path}: no {text!r} within {seconds} s: {path.read_text()}")


def first_stage(folder: Path) -> int:
    """Return the process that runs the stage, once it does."""
    return int(wait_for("\n", folder / "tries").split()[0])


def lives(pid: int) -> bool:
    with suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def test_a_second_retraining_waits_for_the_first_and_finds_nothing_left_to_do(graph, tmp_path):
    first = graph.start(*RETRAIN, said=tmp_path / "first")
    first_stage(graph.folder)
    second = graph.start(*RETRAIN, said=tmp_path / "second")
    wait_for(f"waits for retrain, process {first.pid}", tmp_path / "second")
    (graph.folder / "go").touch()
    assert (first.wait(120), second.wait(120)) == (0, 0)
    assert "2 stages are up to date" in (tmp_path / "first").read_text()
    assert "nothing new" in (tmp_path / "second").read_text()
    assert len((graph.folder / "tries").read_text().split()) == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_after_a_killed_or_cancelled_run_the_next_one_goes_on_alone(graph, tmp_path, how):
    run = graph.start(*RETRAIN, said=tmp_path / "said")
    stage = first_stage(graph.folder)
    os.kill(run.pid, how)
    assert run.wait(60) != 0
    assert lives(stage) == (how == signal.SIGKILL)
    said = graph.run(*RETRAIN)
    assert not lives(stage)
    assert ("ends what a killed run left at work" in said) == (how == signal.SIGKILL)
    assert (graph.folder / "last.txt").read_text() == "done"


def test_a_run_that_takes_too_long_is_ended_and_says_so(graph):
    graph.set_params(retrain__hours_at_most=0.006)
    said = graph.run(*RETRAIN, code=1)
    assert "it took longer than retrain.hours_at_most" in said
    assert "Retrying" not in said
    assert not lives(first_stage(graph.folder))
