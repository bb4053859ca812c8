"""The cross-validation flow over a small graph, with the real Prefect, DVC and file of progress."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import datetime

import pytest

from flows.dvc import StageFailed
from rostfine.training.cross_validate import METRICS_FILE
from rostfine.training.fits import FOLDER, PROGRESS

pytestmark = pytest.mark.slow

PIPELINE = """
stages:
  make_folds:
    cmd: python make_folds.py
    deps: [make_folds.py]
    outs: [folds.txt]
  cross_validate:
    matrix:
      experiment: ${cross_validate.experiments}
    cmd: python train.py ${item.experiment}
    deps: [folds.txt, how, train.py]
    outs: ["runs/${item.experiment}"]
  compare:
    cmd: python compare.py
    deps: [runs]
    outs: [compared.txt]
"""
MAKE_FOLDS = "import pathlib; pathlib.Path('folds.txt').write_text('2')"
# Two folds of four epochs, each of a second or more; `how` says what becomes of them.
TRAIN = f"""
import os, sys, time
from pathlib import Path
from rostfine.files import write_json
from rostfine.training.epoch import Epoch, Terms
from rostfine.training.live import Live

name, how = sys.argv[1], Path("how").read_text()
told = Path("{FOLDER}", name, "{PROGRESS}")

def train():
    terms = Terms(0.25, 0.25, 0.25, 0.0, {{}}, {{}})
    with Live(name, {{"fold_0": 4, "fold_1": 4}}, told=told) as live:
        for fold in ("fold_0", "fold_1"):
            live.status(fold, "training")
            for epoch in range(4):
                time.sleep(0.4)
                live.epoch(fold, Epoch(epoch, 0.1, terms, None, epoch, 0.4))
                if (fold, epoch) == ("fold_1", 1):
                    go_wrong()
            live.status(fold, "done")

def go_wrong():
    if how == "lost" and name == "rostfine" and not Path("lost").exists():
        Path("lost").touch()
        sys.exit(75)
    if how == "bad":
        print("worker 7: exited with -9")
        sys.exit("labels.parquet: no such sample")
    if how == "endless":
        Path("pid").write_text(str(os.getpid()))
        time.sleep(600)

def write_odd_things():
    state = {{"done": 1, "epochs": 4, "status": "training", "loss": None}}
    write_json(told, {{"fits": {{"fold_0": state}}}})
    time.sleep(3)
    for _ in range(2):
        told.write_text('{{"fits": {{"fold_0": {{"done": 0, "epochs": 0}}}}}}')
        time.sleep(2)

with Path(f"tries_of_{{name}}").open("a") as tries:
    tries.write(how[0])
if how == "early":
    sys.exit("data/clips.parquet: no such file")
write_odd_things() if how == "odd" else train()
Path(f"{{how}}_{{name}}_ended").touch()
write_json(Path("runs", name, "{METRICS_FILE}"), {{"emd": 0.5, "top1": len(name) / 100}})
"""
# All in one process, since Prefect takes ten seconds to start.
STORY = """
import json
from pathlib import Path
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from flows.cross_validate import cross_validate

def tell(how, experiments):
    Path("how").write_text(how)
    state = cross_validate(Path(), experiments, return_state=True)
    run = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    with get_client(sync_client=True) as client:
        shown = client.read_artifacts(flow_run_filter=run)
        tasks = {a.task_run_id for a in shown if a.task_run_id}
        names = {task: client.read_task_run(task).name for task in tasks}
    artifacts = [
        {**a.model_dump(mode="json"), "task": names.get(a.task_run_id)} for a in shown
    ]
    return {"state": state.name, "message": state.message, "artifacts": artifacts}

told = {"lost": tell("lost", None), "again": tell("lost", None)}
told["bad"] = tell("bad", ["timesformer"])
told["early"] = tell("early", ["timesformer"])
told["odd"] = tell("odd", ["timesformer"])
Path("told.json").write_text(json.dumps(told))
"""


@pytest.fixture(scope="module")
def graph(new_workspace):
    workspace = new_workspace("graph_of_folds")
    workspace.set_params(cross_validate__experiments=["rostfine", "timesformer"])
    files = {
        "dvc.yaml": PIPELINE,
        "make_folds.py": MAKE_FOLDS,
        "train.py": TRAIN,
        "story.py": STORY,
    }
    for name, text in files.items():
        (workspace.folder / name).write_text(text)
    return workspace


@pytest.fixture(scope="module")
def story(graph):
    graph.output = graph.run("python", "story.py")
    return json.loads((graph.folder / "told.json").read_text())


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def progress_of(told) -> dict[str, dict]:
    found = [a for a in told["artifacts"] if a["type"] == "progress"]
    by_key = {artifact["key"]: artifact for artifact in found}
    assert len(by_key) == len(found)
    return by_key


def test_a_lost_machine_is_tried_again_and_each_fold_keeps_its_one_artifact(graph, story):
    told = story["lost"]
    assert told["state"] == "Completed"
    assert (graph.folder / "tries_of_rostfine").read_text() == "ll"
    assert {key: (a["data"], a["task"]) for key, a in progress_of(told).items()} == {
        f"{name}-fold-{fold}": (100.0, f"cross_validate@{name}")
        for name in ("rostfine", "timesformer")
        for fold in (0, 1)
    }


def test_artifacts_are_there_while_the_fold_is_trained(graph, story):
    shown = progress_of(story["lost"])["timesformer-fold-0"]
    ended_s = (graph.folder / "lost_timesformer_ended").stat().st_mtime
    assert datetime.fromisoformat(shown["created"]).timestamp() < ended_s - 1.0


def test_metrics_of_every_experiment_stand_in_one_table(story):
    (table,) = (a for a in story["lost"]["artifacts"] if a["type"] == "table")
    assert table["key"] == "cross-validation"
    assert json.loads(table["data"]) == [
        {"experiment": "rostfine", "emd": 0.5, "top1": 0.08},
        {"experiment": "timesformer", "emd": 0.5, "top1": 0.11},
    ]


def test_what_lies_upstream_is_made_and_what_lies_downstream_is_not_asked_for(graph, story):
    assert (graph.folder / "folds.txt").exists()
    assert story["again"]["state"] == "Skipped"
    assert progress_of(story["again"]) == {}


def test_bad_input_fails_at_once_and_leaves_each_fold_where_it_stood(graph, story):
    told = story["bad"]
    assert told["state"] == "Failed"
    assert "labels.parquet: no such sample" in told["message"]
    assert (graph.folder / "tries_of_timesformer").read_text().count("b") == 1
    shown = progress_of(told)
    assert [shown[f"timesformer-fold-{fold}"]["data"] for fold in (0, 1)] == [100.0, 50.0]
    assert "training, epoch 2 of 4, loss 0.2500" in shown["timesformer-fold-1"]["description"]


def test_what_an_earlier_run_wrote_down_is_not_taken_for_news(story):
    assert story["early"]["state"] == "Failed"
    assert progress_of(story["early"]) == {}


def test_training_goes_on_where_its_progress_cannot_be_shown(graph, story):
    assert story["odd"]["state"] == "Completed"
    assert (graph.folder / "runs" / "timesformer" / METRICS_FILE).exists()
    assert graph.output.count("progress is not shown") == 1


def test_a_fold_that_was_last_heard_of_at_25_percent_is_full_when_all_are_done(story):
    assert progress_of(story["odd"])["timesformer-fold-0"]["data"] == 100.0


def test_an_unknown_experiment_is_told_in_one_line_that_names_the_known_ones(graph):
    output = graph.run("python", "-m", "flows.cross_validate", ".", "resnet", code=1)
    assert output == (
        "params.yaml: cross_validate.experiments: wanted one of rostfine, timesformer, got resnet\n"
    )


def test_a_terminated_flow_leaves_no_stage_behind(graph):
    (graph.folder / "how").write_text("endless")
    command = [sys.executable, "-m", "flows.cross_validate", ".", "timesformer"]
    flow = subprocess.Popen(
        command, cwd=graph.folder, stdout=subprocess.DEVNULL, start_new_session=True
    )
    pid_file = graph.folder / "pid"
    until = time.monotonic() + 120
    while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < until:
        time.sleep(0.1)
    flow.terminate()
    flow.wait(timeout=60)
    with suppress(ProcessLookupError):
        os.killpg(flow.pid, signal.SIGKILL)  # Prefect leaves its own server behind
    pid = int(pid_file.read_text())
    until = time.monotonic() + 10
    while lives(pid) and time.monotonic() < until:
        time.sleep(0.1)
    outlived = lives(pid)
    if outlived:
        os.kill(pid, signal.SIGKILL)
    assert not outlived


@pytest.mark.parametrize(
    ("line", "may_pass"),
    [
        ("failed to run: python train.py, exited with 75", True),
        ("failed to run: python train.py, exited with -9", True),
        ("failed to run: python train.py, exited with 137", True),
        ("failed to run: python train.py, exited with 1", False),
        ("failed to run: python train.py, exited with 255", False),
    ],
)
def test_only_a_signal_or_exit_code_75_may_pass_later(line, may_pass):
    lines = ["worker 7: exited with -9", f"ERROR: failed to reproduce 'train': {line}"]
    assert StageFailed("train", lines, code=255).may_pass_later == may_pass


def test_a_dvc_that_was_killed_itself_may_pass_later():
    assert StageFailed("train", [], code=-9).may_pass_later
