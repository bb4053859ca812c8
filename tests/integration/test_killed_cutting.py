"""Cutting that is killed at any moment and run again ends with the bytes of one that was not."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rostfine.simulate.plan import StudySettings
from rostfine.simulate.study import simulate_study

ROOT = Path(__file__).parents[2]
KILLS = 20
# Imports once, then forks: what is killed is a process at work, not one that still imports.
RUNNER = """
import os, random, shutil, signal, sys, time
from pathlib import Path
from rostfine.tracking import parallel
from stages import cut_clips

kills, parallel.START_S = int(sys.argv[1]), float(sys.argv[2])
random.seed(3)

def start():
    child = os.fork()
    if not child:
        cut_clips.main()
        os._exit(0)
    return child

ENDED = os.WEXITED | os.WNOHANG | os.WNOWAIT

def clips():
    return len(list(Path("data/clips").glob("[!.]*.npz")))

def clear():
    for path in [*Path("data").glob("*.parquet"), *Path("data/clips").glob("*")]:
        path.unlink()

began = time.monotonic()
os.waitpid(start(), 0)
whole_s = time.monotonic() - began
clear()
killed = found = 0
while killed < kills:
    # The first video is cut before Ray starts; the next are by its workers.
    wanted = 4 + 3 * killed if parallel.START_S < 0 else clips() + killed % 2
    child = start()
    while clips() < wanted and not os.waitid(os.P_PID, child, ENDED):
        time.sleep(0.001)
    if parallel.START_S > 0:
        # Before the first clip, or somewhere after the next: not to the end of a run.
        time.sleep(random.uniform(0, whole_s / 10))
    if os.waitpid(child, os.WNOHANG)[0]:
        clear()
        continue
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    killed += 1
    found = max(found, clips())
_, status = os.waitpid(start(), 0)
print(killed, found, status)
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A workspace of eight small videos, of which one is broken."""
    folder = tmp_path_factory.mktemp("killed")
    settings = StudySettings(
        patients=8, sperm_per_video=3, others_per_video=0, width_px=400, height_px=300
    )
    simulate_study(folder, settings)
    params = (ROOT / "params.small.yaml").read_text()
    params = params.replace("on_bad_input: stop", "on_bad_input: skip")
    (folder / "params.yaml").write_text(params)
    broken = sorted((folder / "data/raw").iterdir())[3]
    broken.write_bytes(broken.read_bytes()[:40_000])
    return folder


def content(folder: Path) -> dict[str, bytes]:
    paths = [*(folder / "data/clips").iterdir(), *(folder / "data").glob("*.parquet")]
    return {path.name: path.read_bytes() for path in paths}


def run(folder: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = done.communicate(timeout=300)
    finally:
        if done.poll() is None:
            os.killpg(done.pid, signal.SIGKILL)
    assert done.returncode == 0, err
    return out


@pytest.fixture(scope="module")
def uninterrupted(study: Path, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole") / "study"
    shutil.copytree(study, folder)
    run(folder, "-m", "stages.cut_clips")
    return content(folder)


def test_the_whole_run_cuts_the_good_videos(uninterrupted):
    assert len([name for name in uninterrupted if name.endswith(".npz")]) >= 20


@pytest.mark.parametrize(
    ("kills", "ray_start_s"), [(KILLS, 1e9), (2, -1.0)], ids=["one process", "two of Ray's"]
)
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bytes(
    study, uninterrupted, tmp_path, kills, ray_start_s
):
    folder = tmp_path / "study"
    shutil.copytree(study, folder)
    killed, most_clips, status = map(
        int, run(folder, "-c", RUNNER, str(kills), str(ray_start_s)).split()
    )
    assert (killed, status) == (kills, 0)
    # With Ray, clips that its workers have written before the process that asked was killed.
    assert most_clips > (3 if ray_start_s < 0 else 0)
    assert content(folder) == uninterrupted
