"""Serving all flows, with a Prefect server of the workspace's own."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
import pytest
import yaml

from flows.deployments import ENTRYPOINTS, NAME, RETRAIN, load_flow, make_schedule
from flows.heartbeats import EVERY_S, FREQUENCY, TAG
from flows.servers import DATABASE
from flows.watch import watch
from rostfine.errors import ParamsError
from rostfine.params import RetrainParams, load_params

ROOT = Path(__file__).parents[2]
PIPELINE = """
stages:
  cut_clips:
    cmd: sleep 600
    outs: [clips.txt]
"""


@pytest.fixture
def served(new_workspace):
    """A workspace that looks for votes every second, and the words of its server's process."""
    workspace = new_workspace("served")
    workspace.set_params(retrain__look_every_s=1.0, retrain__settled_s=0.5)
    (workspace.folder / "dvc.yaml").write_text(PIPELINE)
    return workspace


def test_every_flow_is_found_where_its_entrypoint_says():
    assert {load_flow(entrypoint).name: entrypoint for entrypoint in ENTRYPOINTS.values()} == (
        ENTRYPOINTS
    )


def test_workers_get_the_same_deployments_as_are_served():
    given = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert [it["entrypoint"] for it in given] == list(ENTRYPOINTS.values())
    assert {it["name"] for it in given} == {NAME}
    assert all(it["tags"] == [TAG] for it in given)
    beats = {it["work_pool"]["job_variables"]["env"][FREQUENCY] for it in given}
    assert beats == {str(EVERY_S)}


def test_workers_retrain_when_params_yaml_says():
    given = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    crons = {
        it["entrypoint"]: [schedule["cron"] for schedule in it["schedules"]]
        for it in given
        if "schedules" in it
    }
    cron = load_params(ROOT / "params.yaml").retrain.cron
    assert crons == {ENTRYPOINTS[RETRAIN]: [cron]}


def test_a_bad_cron_is_told_in_one_line_that_shows_a_good_one():
    with pytest.raises(ParamsError) as caught:
        make_schedule(Path("study"), RetrainParams("at two", 60.0, 30.0, 72.0))
    assert str(caught.value) == (
        "study/params.yaml: retrain.cron: wanted five fields as in '0 2 * * *', got 'at two'"
    )


def test_each_new_batch_starts_one_run_and_what_did_not_start_is_tried_again():
    over, tried = threading.Event(), []
    looks = iter(["", "a", OSError("the disk is away"), "a", "a", "ab", "ab", "ab", "", "a"])
    answers = iter([ConnectionError("the server is away"), True, False, True, True])
    last = ""

    def look() -> str:
        nonlocal last
        seen = next(looks, None)
        if seen is None:
            over.set()
            return ""
        if isinstance(seen, OSError):
            raise seen
        last = seen
        return seen

    def start() -> bool:
        tried.append(last)
        answer = next(answers)
        if isinstance(answer, ConnectionError):
            raise answer
        return answer

    watch(look, start, every_s=0.001, over=over).join(10)
    assert tried == ["a", "a", "ab", "ab", "a"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of this")
def test_a_server_ends_also_with_a_parent_that_is_killed():
    code = (
        "import time; from flows.servers import running\n"
        "with running(['sleep', '600']) as process:\n"
        "    print(process.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(10)
    assert not psutil.pid_exists(pid)


def test_a_taken_port_is_told_in_one_line(served):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        environment = {"PREFECT_HOME": str(served.folder / "home")}
        process = start_serving(served.folder, port, environment)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output.splitlines()[-1].startswith(f"127.0.0.1:{port}: taken by another program")


@pytest.mark.slow
def test_without_a_server_one_is_run_and_new_votes_start_a_retraining(served):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    process = start_serving(served.folder, port, {"PREFECT_HOME": str(served.folder / "home")})
    try:
        api = f"http://127.0.0.1:{port}/api"
        wait_until(lambda: len(ask(api, "deployments/filter")) == len(ENTRYPOINTS), 180)
        deployments = {it["name"]: it for it in ask(api, "deployments/filter")}
        assert list(deployments) == [NAME]
        for deployment in ask(api, "deployments/filter"):
            assert deployment["parameters"] == {"workspace": str(served.folder.resolve())}
        with urlopen(f"http://127.0.0.1:{port}/ui-settings") as answer:
            assert json.loads(answer.read())["api_url"] == "/api"
        (served.folder / "data" / "votes" / "new.csv").write_text("sample_id\n")
        wait_until(lambda: started_by_hand(api), 90)
        children = psutil.Process(process.pid).children(recursive=True)
        assert (served.folder / "prefect" / "prefect.db").exists()
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert f"serves the flows of {served.folder.resolve()}" in output
    assert output.count("a retraining is started") == 1
    wait_until(lambda: not any(child.is_running() for child in children), 10)


def start_serving(workspace: Path, port: str, environment: dict[str, str]) -> subprocess.Popen:
    """Start as `make serve-flows` does, with no server named by the environment of the tests."""
    unset = ("PREFECT_API_URL", DATABASE, "PYTEST_CURRENT_TEST")
    inherited = {name: value for name, value in os.environ.items() if name not in unset}
    return subprocess.Popen(
        [sys.executable, "-m", "flows.deploy", ".", "--port", port],
        cwd=workspace,
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def started_by_hand(api: str) -> list[dict]:
    runs = ask(api, "flow_runs/filter")
    return [it for it in runs if not it["auto_scheduled"] and it["start_time"]]


def ask(api: str, path: str) -> list[dict]:
    """Return what a Prefect server lists; nothing as long as there is no server."""
    request = Request(f"{api}/{path}", b"{}", {"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())
    except OSError:
        return []


def wait_until(true, seconds: float) -> None:
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.2)
