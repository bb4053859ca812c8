"""A challenger that has passed waits for a person, who answers on a real Prefect server."""

import json
import time

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.flow_runs import resume_flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings

from rostfine.gate import Check, Decision
from rostfine.models import build_experiment
from rostfine.params import load_params
from rostfine.registry import (
    CHALLENGER,
    CHAMPION,
    Registration,
    fetch_kept,
    find_version,
    register,
)
from rostfine.training.saved import ModelSettings, save_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:::mlflow"),
    pytest.mark.filterwarnings("ignore:::alembic"),
]

PIPELINE = """
stages:
  gate:
    cmd: python gate.py
    deps: [gate.py, said.json]
    outs:
      - decision.json:
          cache: false
"""
GATE = "import pathlib; pathlib.Path('decision.json').write_text(open('said.json').read())\n"


@pytest.fixture(scope="module")
def lab(new_workspace, prefect_api):
    """A workspace with a model, whose gate asks a person."""
    workspace = new_workspace("asked")
    folder = workspace.folder
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "gate.py").write_text(GATE)
    params = load_params(folder / "params.yaml")
    experiment = params.experiments["rostfine"]
    settings = ModelSettings(
        "rostfine", "all data", "none: the last", experiment, params.tracking, params.clips
    )
    save_model(folder / "model", build_experiment(experiment), settings)
    with temporary_settings({PREFECT_API_URL: prefect_api}):
        yield workspace


def ask(workspace, answer, tmp_path):
    """Run a retraining whose challenger passes, answer it, and return the version."""
    folder = workspace.folder
    done = register(
        folder / "model", "rostfine", alias=CHALLENGER, kept=Registration(), workspace=folder
    )
    said = Decision(
        name="rostfine",
        challenger=int(done.version),
        champion=None,
        decided_at="2026-05-01T02:00:00+00:00",
        approval="manual",
        clips=10,
        patients=5,
        checks=(Check("beats ZeroR", True, -0.1, 0.0, "emd minus ZeroR's -0.2"),),
        metrics={"challenger": {"emd": 0.1}},
    )
    (folder / "said.json").write_text(json.dumps(said.to_json()))
    run = workspace.start("python", "-m", "flows.retrain", ".", said=tmp_path / "said")
    try:
        resume_flow_run(paused_run(), run_input=answer)
        assert run.wait(120) == 0
    finally:
        run.kill()
        run.wait()
    return find_version("rostfine", int(done.version), folder), (tmp_path / "said").read_text()


def paused_run():
    wanted = FlowRunFilter.model_validate({"state": {"type": {"any_": ["PAUSED"]}}})
    for _ in range(240):
        with get_client(sync_client=True) as client:
            if found := client.read_flow_runs(flow_run_filter=wanted):
                return found[0].id
        time.sleep(0.5)
    raise AssertionError("no run waits for a person within two minutes")


def kept_answer(version, workspace, tmp_path):
    name = f"decisions/{version.version}-approval.json"
    return json.loads(fetch_kept(version, name, tmp_path / "kept", workspace.folder).read_text())


def test_a_no_leaves_the_champion_and_is_kept_with_its_reason(lab, tmp_path):
    answer = {"approve": False, "by": "Dr. No", "why": "a stain of the new batch"}
    version, said = ask(lab, answer, tmp_path)
    assert find_version("rostfine", CHAMPION, lab.folder) is None
    assert "refused by Dr. No: a stain of the new batch" in said
    assert kept_answer(version, lab, tmp_path).items() >= answer.items()


def test_a_yes_promotes_and_tells_who_said_so(lab, tmp_path):
    version, said = ask(lab, {"approve": True, "by": "Dr. Yes", "why": ""}, tmp_path)
    assert version.aliases == (CHAMPION,)
    assert f"version {version.version} is champion, approved by Dr. Yes" in said
    assert kept_answer(version, lab, tmp_path)["by"] == "Dr. Yes"


def test_both_models_every_check_and_the_votes_are_shown_with_the_run(lab):
    with get_client(sync_client=True) as client:
        shown = {artifact.key: artifact for artifact in client.read_artifacts()}
    assert {"votes", "champion-challenger", "gate"} <= set(shown)
    assert json.loads(shown["champion-challenger"].data) == [
        {"metric": "EMD", "challenger": "0.1000"}
    ]
    assert "| ✓ | beats ZeroR | emd minus ZeroR's -0.2 |" in shown["gate"].data
    assert "reports/index.html" in shown["gate"].data
