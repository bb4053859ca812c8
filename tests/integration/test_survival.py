"""Training that loses a worker, its driver or a machine ends with the bits of one that did not."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.training import Training

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

EPOCHS = 12
TEAM = "workers_per_fold: 2"


@pytest.fixture(scope="module")
def study(new_workspace) -> Path:
    """A study that is ready to be trained on: three fits of twelve epochs."""
    workspace = new_workspace("survival")
    workspace.run("rostfine", "simulate", ".", "--patients", "6")
    workspace.set_params(
        experiments__rostfine__fit__epochs=EPOCHS,
        experiments__rostfine__fit__batch=4,
        experiments__rostfine__fit__choose_epoch="validation",
        experiments__rostfine__model__drop_path=0.2,
    )
    for stage in ("cut_clips", "aggregate_votes", "make_folds"):
        workspace.run("python", "-m", f"stages.{stage}")
    return workspace.folder


@pytest.fixture
def folder(study, tmp_path) -> Path:
    copy = tmp_path / "study"
    shutil.copytree(study, copy)
    return copy


@pytest.fixture(scope="module")
def uninterrupted(study, tmp_path_factory) -> dict[str, bytes]:
    copy = tmp_path_factory.mktemp("whole") / "study"
    shutil.copytree(study, copy)
    training = Training(copy)
    assert training.ends() == 0, training.said.read_text()
    return results(copy)


def results(folder: Path) -> dict[str, bytes]:
    run = folder / "runs" / "rostfine"
    return {str(p.relative_to(run)): p.read_bytes() for p in run.rglob("*") if p.is_file()}


def test_a_killed_worker_costs_the_epoch_that_it_was_at(folder, uninterrupted):
    training = Training(folder)
    training.wait_for(2)
    (first, *_) = training.workers()
    first.send_signal(signal.SIGKILL)
    assert training.ends() == 0, training.said.read_text()
    said = training.said.read_text()
    assert "training goes on from the last finished epochs" in said
    assert "went on" in said
    assert results(folder) == uninterrupted


def test_a_team_that_loses_a_worker_costs_the_epoch_that_it_was_at(folder, tmp_path):
    params = (folder / "params.yaml").read_text().replace("workers_per_fold: 1", TEAM)
    (folder / "params.yaml").write_text(params)
    whole = tmp_path / "whole"
    shutil.copytree(folder, whole)
    assert Training(whole).ends() == 0
    training = Training(folder)
    training.wait_for(2)
    _, second = training.workers()
    second.send_signal(signal.SIGKILL)
    assert training.ends() == 0, training.said.read_text()
    assert "training goes on from the last finished epochs" in training.said.read_text()
    assert results(folder) == results(whole)


def test_a_killed_driver_is_gone_on_from_by_the_next_run(folder, uninterrupted):
    training = Training(folder)
    training.wait_for(3)
    training.kill()
    assert not (folder / "runs" / "rostfine" / "metrics.json").exists()
    again = Training(folder)
    assert again.ends() == 0, again.said.read_text()
    assert "went on" in again.said.read_text()
    assert results(folder) == uninterrupted
    # All is done: one more run only hands over.
    once_more = Training(folder)
    assert once_more.ends() == 0
    assert results(folder) == uninterrupted


def test_a_lost_machine_leaves_its_work_to_the_other(folder, uninterrupted):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", CLUSTER], **pipes) as cluster:
        address = cluster.stdout.readline().strip()
        training = Training(folder, RAY_ADDRESS=address, RAY_AUTH_MODE="disabled")
        training.wait_for(1)
        cluster.stdin.write("lose\n")
        cluster.stdin.flush()
        assert training.ends() == 0, training.said.read_text()
    assert "training goes on from the last finished epochs" in training.said.read_text()
    assert results(folder) == uninterrupted
    placed = json.loads((folder / "checkpoints/rostfine/placed.json").read_text())
    assert placed == {"threads": 1}


# Two nodes of one CPU each; the second is killed when told to.
CLUSTER = """
import os, sys
os.environ["RAY_AUTH_MODE"] = "disabled"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
from ray.cluster_utils import Cluster

settings = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 200 * 2**20}
cluster = Cluster(initialize_head=True, head_node_args=settings)
second = cluster.add_node(num_cpus=1, object_store_memory=200 * 2**20)
print(cluster.address, flush=True)
if sys.stdin.readline():
    cluster.remove_node(second, allow_graceful=False)
    sys.stdin.readline()
cluster.shutdown()
"""
