"""Annotated heads, from labelme files to a registered model that finds and judges them."""

import json
import shutil

import pytest
import yaml

from rostfine.registry import find_version
from tests.integration.training import Training

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2400),
    pytest.mark.filterwarnings("ignore:::mlflow"),
]

LEARNT = {"mask_ap50": 0.80, "balanced_accuracy": 0.85}
TINY = ("--pictures", "12")


def change_params(workspace, **changes):
    """Change the small experiment's settings of the network and of the fit."""
    path = workspace.folder / "morphology/params.yaml"
    params = yaml.safe_load(path.read_text())
    for part, values in changes.items():
        params["experiments"]["small"][part].update(values)
    path.write_text(yaml.safe_dump(params, sort_keys=False))


@pytest.fixture(scope="module")
def heads(new_workspace):
    """A workspace whose simulated heads went through the flow once; what it printed."""
    workspace = new_workspace("heads")
    workspace.run("rostfine", "heads", "simulate", "morphology/data")
    workspace.first_run = workspace.run("python", "-m", "flows.morphology", ".")
    return workspace


def test_the_flow_goes_from_annotations_to_a_registered_model_and_a_page(heads):
    champion = find_version("head-morphology", "champion", heads.folder)
    assert champion is not None
    assert champion.version == 1
    assert "registered: head-morphology 1" in heads.first_run
    page = (heads.folder / "morphology/reports/report.html").read_text()
    assert "Not a medical device" in page
    assert page.count("<figure") >= 6
    assert page.count("data:image/jpeg") == 2


def test_heads_of_unseen_pictures_are_outlined_and_judged(heads):
    said = json.loads((heads.folder / "morphology/reports/metrics.json").read_text())
    found = {name: said[f"small.test.{name}"] for name in LEARNT}
    assert all(found[name] >= least for name, least in LEARNT.items()), found


def test_with_nothing_new_nothing_runs(heads):
    assert "nothing new" in heads.run("python", "-m", "flows.morphology", ".")
    assert "Running stage" not in heads.run("dvc", "repro", "morphology/dvc.yaml")


def test_the_registered_model_finds_the_heads_of_a_folder(heads):
    folder = heads.folder / "morphology/data/test"
    said = heads.run("rostfine", "heads", str(folder), "--out", "found")
    assert "models:/head-morphology/1" in said
    pictures = sorted(path.stem for path in folder.glob("*.png"))
    copies = sorted(path.stem for path in (heads.folder / "found/annotated").iterdir())
    assert copies == pictures


def test_mlflow_loads_the_registered_model_in_a_process_of_its_own(heads):
    code = (
        "import mlflow, numpy as np\n"
        "model = mlflow.pyfunc.load_model('models:/head-morphology@champion')\n"
        "print('shape', model.predict(np.zeros((1, 160, 160, 3), np.uint8)).shape[1])\n"
    )
    uri = f"sqlite:///{heads.folder / 'mlflow.db'}"
    said = heads.run("env", f"MLFLOW_TRACKING_URI={uri}", "python", "-c", code)
    assert "shape 7" in said


def test_a_killed_training_ends_with_the_bytes_of_one_that_was_not(new_workspace, tmp_path):
    workspace = new_workspace("killed")
    workspace.run("rostfine", "heads", "simulate", "morphology/data", *TINY)
    change_params(
        workspace,
        model={"width": 16, "image_px": 80, "rois": 16},
        fit={"epochs": 8, "warmup_epochs": 0},
    )
    workspace.run("python", "-m", "stages.morphology_check")
    whole = tmp_path / "whole"
    shutil.copytree(workspace.folder, whole)
    stage = {"name": "morphology/small"}
    uninterrupted = Training(whole, "stages.morphology_train", "small", **stage)
    assert uninterrupted.ends() == 0, uninterrupted.said.read_text()
    training = Training(workspace.folder, "stages.morphology_train", "small", **stage)
    training.wait_for(2)
    training.kill()
    again = Training(workspace.folder, "stages.morphology_train", "small", **stage)
    assert again.ends() == 0, again.said.read_text()
    assert "went on" in again.said.read_text()
    run = "morphology/runs/small/final"
    for path in (whole / run).iterdir():
        assert (workspace.folder / run / path.name).read_bytes() == path.read_bytes()
