"""How long training takes to go on after a loss: `python benchmarks/recovery.py`.

On a simulated study with the small preset: a worker is killed, the driver is killed and the stage
run again, and one of two nodes of a local cluster is killed. Printed is the time from the kill to
the next epoch's checkpoint, and whether weights, predictions and metrics are those of a run that
nothing happened to.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

EPOCHS = 20
CLUSTER = """
import os, sys
os.environ["RAY_AUTH_MODE"] = "disabled"
from ray.cluster_utils import Cluster

settings = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 200 * 2**20}
cluster = Cluster(initialize_head=True, head_node_args=settings)
second = cluster.add_node(num_cpus=1, object_store_memory=200 * 2**20)
print(cluster.address, flush=True)
if sys.stdin.readline():
    cluster.remove_node(second, allow_graceful=False)
    print("lost", flush=True)
    sys.stdin.readline()
cluster.shutdown()
"""


def run(folder: Path, *command: str) -> None:
    """Run a command that has to end well."""
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def make_study(folder: Path) -> None:
    """Make a workspace that is ready to be trained on."""
    run(folder.parent, "rostfine", "init", str(folder), "--preset", "small")
    run(folder, "rostfine", "simulate", ".", "--patients", "8")
    params = (folder / "params.yaml").read_text().replace("epochs: 22", f"epochs: {EPOCHS}")
    (folder / "params.yaml").write_text(params)
    for stage in ("cut_clips", "aggregate_votes", "make_folds"):
        run(folder, sys.executable, "-m", f"stages.{stage}")


def train(folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start the stage that trains."""
    command = [sys.executable, "-m", "stages.cross_validate", "rostfine"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=folder, env={**os.environ, **environment}, **quiet)


def written(folder: Path) -> float:
    """Return when the newest checkpoint or finished fit was written; 0 without any."""
    work = folder / "checkpoints/rostfine"
    found = [*work.glob("*/epoch_*.json"), *work.glob("*/done.json")]
    return max((path.stat().st_mtime for path in found if path.exists()), default=0.0)


def wait_for_epochs(folder: Path) -> None:
    """Wait until a fit has three epochs behind it."""
    while not any((folder / "checkpoints/rostfine").glob("*/epoch_000002.json")):
        time.sleep(0.05)


def wait_after(folder: Path, killed: float, training: subprocess.Popen[bytes]) -> float:
    """Return the seconds from a kill to the end of the longest pause after it, once all is done.

    Workers that are left may write for a moment before they are ended.
    """
    seen = [killed]
    while training.poll() is None:
        if written(folder) > seen[-1]:
            seen.append(written(folder))
        time.sleep(0.05)
    return max(zip(seen, seen[1:], strict=False), key=lambda pair: pair[1] - pair[0])[1] - killed


def results(folder: Path) -> dict[str, bytes]:
    """Return all files that the run left."""
    run_folder = folder / "runs/rostfine"
    return {str(p.relative_to(run_folder)): p.read_bytes() for p in run_folder.rglob("*.*")}


def lose_worker(folder: Path) -> float:
    """Kill one of the workers."""
    training = train(folder)
    wait_for_epochs(folder)
    children = psutil.Process(training.pid).children(recursive=True)
    next(c for c in children if "RayTrainWorker" in " ".join(c.cmdline())).kill()
    return wait_after(folder, time.time(), training)


def lose_driver(folder: Path) -> float:
    """Kill the driver, and run the stage again at once."""
    training = train(folder)
    wait_for_epochs(folder)
    children = psutil.Process(training.pid).children(recursive=True)
    training.kill()
    training.wait()
    killed = time.time()
    psutil.wait_procs([c for c in children if "RayTrainWorker" in c.name()], timeout=60)
    return wait_after(folder, killed, train(folder))


def lose_node(folder: Path) -> float:
    """Kill one of the two nodes of a cluster."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", CLUSTER], **pipes) as cluster:
        address = cluster.stdout.readline().strip()
        training = train(folder, RAY_ADDRESS=address, RAY_AUTH_MODE="disabled")
        wait_for_epochs(folder)
        cluster.stdin.write("lose\n")
        cluster.stdin.flush()
        cluster.stdout.readline()
        return wait_after(folder, time.time(), training)


def main() -> None:
    """Print a line for each loss."""
    with tempfile.TemporaryDirectory(prefix="rostfine-") as name:
        study, whole = Path(name) / "study", Path(name) / "whole"
        make_study(study)
        shutil.copytree(study, whole)
        train(whole).wait()
        for lose in (lose_worker, lose_driver, lose_node):
            copy = Path(name) / lose.__name__
            shutil.copytree(study, copy)
            seconds = lose(copy)
            same = "same bytes" if results(copy) == results(whole) else "OTHER BYTES"
            print(f"{lose.__name__}: next checkpoint after {seconds:.0f} s, {same}", flush=True)


if __name__ == "__main__":
    main()
