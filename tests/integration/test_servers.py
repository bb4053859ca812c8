"""The servers of compose.yaml: each started by its own command, and used as a lab does."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import datetime
from urllib.request import Request, urlopen

import psutil
import pytest
import yaml

from flows.deployments import ENTRYPOINTS
from flows.heartbeats import BEAT, DEAD_AFTER_S, NAME
from flows.servers import running
from rostfine.registry import load
from rostfine.registry.store import find_store, open_client
from tests.integration.servers import (
    BIN,
    ROOT,
    SECRETS,
    VARIABLE,
    Lab,
    free_port,
    needs_postgres,
    read_compose,
    status_of,
)

COMPOSE = ROOT / "compose.yaml"
QUICK = """
stages:
  cut_clips:
    cmd: echo cut > clips.txt
    outs: [clips.txt]
  measure_motility:
    cmd: echo measured > motility.txt
    outs: [motility.txt]
  measure_images:
    cmd: echo looked > images.txt
    outs: [images.txt]
  review_tracks:
    cmd: echo reviewed > page.txt
    outs: [page.txt]
"""
ENDLESS = QUICK.replace("echo cut", "sleep 600")


@pytest.fixture(scope="module")
def services() -> dict:
    return read_compose({**SECRETS, "ROSTFINE_WORKSPACE": "/srv/study"})["services"]


def test_compose_file_is_as_the_specification_wants_it():
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_variable_has_a_default_or_a_line_in_the_example():
    lines = (ROOT / "deploy" / "example.env").read_text().splitlines()
    example = {line.split("=")[0] for line in lines if line and not line.startswith("#")}
    used = {found[1]: found[2] for found in VARIABLE.finditer(COMPOSE.read_text())}
    assert set(SECRETS) | {"ROSTFINE_WORKSPACE"} == {
        name for name, kind in used.items() if kind == "?"
    }
    assert {name for name, kind in used.items() if kind != "-"} <= example <= set(used)


def test_the_example_holds_no_secret():
    lines = (ROOT / "deploy" / "example.env").read_text().splitlines()
    assert {f"{name}=" for name in SECRETS} <= set(lines)


def test_who_waits_for_a_service_waits_for_one_that_can_become_what_it_waits_for(services):
    for service in services.values():
        for other, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in services[other]
            else:
                assert services[other]["restart"] == "no"


def test_ports_are_open_to_this_machine_alone_and_mounted_files_are_there(services):
    named = yaml.safe_load(COMPOSE.read_text())["volumes"]
    for service in services.values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in named or source == "/srv/study" or (ROOT / source).is_file()


def test_clients_find_the_servers_by_the_names_and_ports_that_these_have(services):
    told = services["flows"]["environment"]
    for variable in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL"):
        name, port = re.match(r"http://(\w+):(\d+)", told[variable]).groups()
        assert f"--port={port}" in services[name]["command"]
    name, port = told["RAY_ADDRESS"].split(":")
    assert f"--port={port}" in services[name]["command"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        lab.start()
        yield lab
    finally:
        lab.end()


@pytest.fixture(scope="module")
def workspace(new_workspace):
    """A workspace whose stages do nothing, and whose retraining is due every minute."""
    made = new_workspace("lab_study")
    made.set_params(retrain__cron="* * * * *")
    (made.folder / "dvc.yaml").write_text(QUICK)
    return made.folder


@pytest.fixture
def client(lab, monkeypatch):
    for name, value in lab.clients.items():
        monkeypatch.setenv(name, value)


@needs_postgres
@pytest.mark.slow
def test_whoever_has_no_password_is_turned_away(lab):
    assert status_of(f"{lab.mlflow}/api/2.0/mlflow/experiments/search?max_results=1") == 401
    assert status_of(f"{lab.prefect}/version") == 401


@needs_postgres
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:::mlflow")
@pytest.mark.filterwarnings("ignore:::alembic")
def test_a_retrained_model_and_its_run_outlive_servers_that_are_killed(lab, new_workspace, client):
    study = new_workspace("lab_retrained")
    study.run("rostfine", "simulate", ".", "--patients", "4")
    study.run("python", "-m", "flows.retrain", ".")
    before = open_client(find_store()).get_model_version_by_alias("rostfine", "champion")
    seen = finished_runs(lab)
    lab.kill()
    assert status_of(f"{lab.mlflow}/health") == 0
    lab.start()
    found = open_client(find_store()).get_model_version_by_alias("rostfine", "champion")
    assert (found.version, found.run_id) == (before.version, before.run_id)
    clip = next((study.folder / "data" / "clips").glob("*.npz"))
    assert sum(load("models:/rostfine@champion").predict_clip(clip).values()) == pytest.approx(1)
    assert finished_runs(lab) == seen == {"retrain": "Completed"}


@needs_postgres
@pytest.mark.slow
def test_a_schedule_fires_and_a_run_killed_with_who_served_it_is_found_dead(lab, workspace, client):
    (workspace / "dvc.yaml").write_text(ENDLESS)
    serving = subprocess.Popen([sys.executable, "-m", "flows.deploy", "."], cwd=workspace)
    try:
        wait_until(lambda: len(ask(lab, "deployments/filter")) == len(ENTRYPOINTS), 120)
        (deployment,) = (
            it["id"] for it in ask(lab, "deployments/filter") if it["entrypoint"].endswith(".track")
        )
        run = ask(lab, f"deployments/{deployment}/create_flow_run")["id"]
        wait_until(lambda: state_of(lab, run)["name"] == "Running", 120)
        wait_until(lambda: any(it["start_time"] for it in scheduled(lab)), 120)
    finally:
        kill_with_children(serving)
    wait_until(lambda: state_of(lab, run)["name"] == "Crashed", DEAD_AFTER_S + 60)
    assert silence_s(lab, run) >= DEAD_AFTER_S
    again = "from flows.heartbeats import find_dead_runs; find_dead_runs()"
    subprocess.run([sys.executable, "-c", again], check=True)
    assert [it["name"] for it in ask(lab, "automations/filter")] == [NAME]


@pytest.mark.slow
def test_ray_lets_in_who_knows_the_token_and_nobody_else(services):
    port = free_port()
    command = [word.replace("--port=6379", f"--port={port}") for word in services["ray"]["command"]]
    shared = {
        **os.environ,
        **services["ray"]["environment"],
        "RAY_ADDRESS": f"127.0.0.1:{port}",
        "PATH": f"{BIN}:{os.environ['PATH']}",
    }
    code = (
        "import ray; from rostfine.cluster import running_ray\n"
        "with running_ray() as ray: print(ray.get(ray.remote(lambda: 6 * 7).remote()))"
    )

    def calculate(token: str) -> str:
        environment = {**shared, "RAY_AUTH_TOKEN": token}
        command = [sys.executable, "-W", "ignore", "-c", code]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        return done.stdout

    with running([str(BIN / command[0]), *command[1:]], shared):
        health = [BIN / "ray", "health-check", f"--address=127.0.0.1:{port}"]
        wait_until(lambda: subprocess.run(health, env=shared, check=False).returncode == 0, 120)
        assert calculate(SECRETS["RAY_AUTH_TOKEN"]) == "42\n"
        assert calculate("another-token") == ""


def ask(lab: Lab, path: str, **body):
    """Return what Prefect's server answers to its one user."""
    user = lab.clients["PREFECT_API_AUTH_STRING"].encode()
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Basic {base64.b64encode(user).decode()}",
    }
    request = Request(f"{lab.prefect}/{path}", json.dumps(body).encode(), headers)
    with urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def finished_runs(lab: Lab) -> dict[str, str]:
    flows = {it["id"]: it["name"] for it in ask(lab, "flows/filter")}
    return {flows[it["flow_id"]]: it["state_name"] for it in ask(lab, "flow_runs/filter")}


def scheduled(lab: Lab) -> list[dict]:
    return [it for it in ask(lab, "flow_runs/filter") if it["auto_scheduled"]]


def state_of(lab: Lab, run: str) -> dict:
    (found,) = (it for it in ask(lab, "flow_runs/filter") if it["id"] == run)
    return found["state"]


def silence_s(lab: Lab, run: str) -> float:
    """Return how long after its last heartbeat a run that was found dead was."""
    beats = {"event": {"name": [BEAT]}, "resource": {"id": [f"prefect.flow-run.{run}"]}}
    last, *_ = ask(lab, "events/filter", filter={**beats, "order": "DESC"})["events"]
    ended, beat = state_of(lab, run)["timestamp"], last["occurred"]
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(beat)).total_seconds()


def kill_with_children(process: subprocess.Popen) -> None:
    """Kill a process and all that it started, none of which can do anything about it."""
    process.send_signal(signal.SIGSTOP)
    children = psutil.Process(process.pid).children(recursive=True)
    for victim in children:
        with suppress(psutil.NoSuchProcess):
            victim.suspend()
    for victim in [*children, process]:
        with suppress(psutil.NoSuchProcess):
            victim.kill()
    process.wait()


def wait_until(true, seconds: float) -> None:
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.5)
