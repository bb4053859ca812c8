"""The retraining flow over a small graph of its own, with the real Prefect and the real DVC."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow

PIPELINE = """
stages:
  first:
    cmd: python first.py
    deps: [first.py]
    outs: [first.txt]
  register:
    cmd: python register.py
    deps: [first.txt, register.py]
    outs: [register.txt]
  last:
    cmd: python last.py
    deps: [register.txt, last.py]
    outs: [last.txt]
"""
WRITE = "import pathlib; pathlib.Path('{0}.txt').write_text('done')\n"
FAIL_ONCE = """
import pathlib, sys
tried = pathlib.Path('tried')
if not tried.exists():
    tried.touch()
    print('the registry does not answer')
    sys.exit(75)
"""


@pytest.fixture
def graph(new_workspace):
    workspace = new_workspace("graph")
    (workspace.folder / "dvc.yaml").write_text(PIPELINE)
    for stage in ("first", "register", "last"):
        (workspace.folder / f"{stage}.py").write_text(WRITE.format(stage))
    return workspace


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_stage_that_needs_a_server_passes_the_second_time(graph):
    (graph.folder / "register.py").write_text(FAIL_ONCE + WRITE.format("register"))
    output = graph.run("python", "-m", "flows.retrain", ".")
    assert "the registry does not answer" in output
    assert (graph.folder / "last.txt").read_text() == "done"
    assert "3 stages are up to date" in output


def test_bad_input_of_a_stage_that_needs_a_server_is_not_tried_again(graph):
    (graph.folder / "register.py").write_text(
        "import sys; open('attempts', 'a').write('x'); sys.exit('no final model')"
    )
    graph.run("python", "-m", "flows.retrain", ".", code=1)
    assert (graph.folder / "attempts").read_text() == "x"
    assert not (graph.folder / "last.txt").exists()


def test_a_stage_that_meets_bad_input_fails_the_flow_at_once_and_by_its_own_words(graph):
    (graph.folder / "first.py").write_text("import sys; sys.exit('tags.csv: row 2: no such video')")
    output = graph.run("python", "-m", "flows.retrain", ".", code=1)
    assert "first failed" in output
    assert "tags.csv: row 2: no such video" in output
    assert "Retrying" not in output
    assert not (graph.folder / "register.txt").exists()


def test_a_stage_ends_with_the_flow_that_started_it(graph):
    (graph.folder / "first.py").write_text(
        "import os, pathlib, time\n"
        "pathlib.Path('pid').write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    code = (
        "import signal, sys; from pathlib import Path; from flows.dvc import reproduce;"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1));"
        "reproduce(Path(), 'first', print)"
    )
    flow = subprocess.Popen([sys.executable, "-c", code], cwd=graph.folder)
    pid_file = graph.folder / "pid"
    for _ in range(300):
        if pid_file.exists() and pid_file.read_text():
            break
        time.sleep(0.1)
    flow.terminate()
    flow.wait(timeout=30)
    pid = int(pid_file.read_text())
    for _ in range(100):
        if not lives(pid):
            break
        time.sleep(0.1)
    outlived = lives(pid)
    if outlived:
        os.kill(pid, signal.SIGKILL)
    assert not outlived
