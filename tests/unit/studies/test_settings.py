from pathlib import Path
from typing import get_args

import pytest
import torch
import yaml

from rostfine.errors import ParamsError
from rostfine.models import build_experiment
from rostfine.params import load_params
from rostfine.studies.forms import FORMS
from rostfine.studies.settings import FormName, Study, lay_over, load_study
from rostfine.studies.training import check_models
from rostfine.workspace import CHECKOUT, PRESETS, init_workspace

STUDIES = sorted(path.parent.name for path in (CHECKOUT / "studies").glob("*/dvc.yaml"))
SMALL = load_params(CHECKOUT / "params.small.yaml")


@pytest.fixture(scope="module", params=PRESETS)
def workspace(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workspaces") / request.param
    init_workspace(folder, request.param)
    return folder


def write(workspace: Path, **changes: object) -> Path:
    content = {
        "form": "aggregation",
        "setting": "full",
        "experiments": {
            "k_1": {"base": "rostfine", "model": {"top_k": 1}},
            "k_3": {"base": "rostfine"},
        },
        "small": {},
        "smoke": {},
        "bootstrap": 100,
        "seed": 7,
        **changes,
    }
    path = workspace / "studies" / "mine" / "params.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(content))
    return path


def load(workspace: Path) -> Study:
    return load_study(workspace, "mine", SMALL)


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_of_every_preset_names_models_that_can_be_built(
    workspace: Path, name: str
) -> None:
    study = load_study(workspace, name, load_params(workspace / "params.yaml"))
    assert study.setting == PRESETS[workspace.name][1]
    with torch.device("meta"):
        for experiment in study.experiments.values():
            build_experiment(experiment)


def test_an_experiment_is_what_it_changes_of_one_of_the_workspace(tmp_path: Path) -> None:
    write(tmp_path)
    study = load(tmp_path)
    assert study.experiments["k_3"] == SMALL.experiments["rostfine"]
    changed = study.experiments["k_1"]
    assert changed.model.top_k == 1
    assert changed.fit == SMALL.experiments["rostfine"].fit


def test_another_model_takes_nothing_from_the_one_it_replaces() -> None:
    base = {"model": {"name": "a", "depth": 3}, "loss": {"name": "mse", "alpha": 1.0}}
    change = {"model": {"name": "b", "width": 2}, "loss": {"name": "js"}}
    assert lay_over(base, change) == {
        "model": {"name": "b", "width": 2},
        "loss": {"name": "js", "alpha": 1.0},
    }


@pytest.mark.parametrize(
    ("setting", "epochs"),
    [
        ("full", {"k_1": 22, "k_3": 22}),
        ("small", {"k_1": 5, "k_3": 4}),
        ("smoke", {"k_3": 1}),
    ],
)
def test_a_setting_lays_its_changes_over_all_and_then_over_each(
    tmp_path: Path, setting: str, epochs: dict[str, int]
) -> None:
    small = {"every": {"fit": {"epochs": 4}}, "k_1": {"fit": {"epochs": 5}}}
    write(
        tmp_path, setting=setting, small=small, smoke={"k_1": None, "k_3": {"fit": {"epochs": 1}}}
    )
    found = {name: one.fit.epochs for name, one in load(tmp_path).experiments.items()}
    assert found == epochs


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"setting": "tiny"}, "setting: wanted full or small or smoke, got 'tiny'"),
        ({"experiments": {"a": {"base": "vgg"}}}, "experiments.a.base: wanted rostfine or timesf"),
        (
            {"experiments": {"a": {"base": "rostfine", "fits": {}}}},
            "unknown key experiments.a.fits",
        ),
        ({"form": "aggregaton"}, "form: wanted aggregation or attention"),
        ({"experiments": {"a/b": {"base": "rostfine"}}}, "got 'a/b'"),
        (
            {"setting": "small", "small": {"k_2": {}}},
            "small: no experiment 'k_2'; known: every, k_1",
        ),
        (
            {"experiments": {"a": {"base": "timesformer", "loss": {"use_div": ["gs"]}}}},
            "experiments.a.loss.use_div: wanted pairs of the features g",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_file_and_key(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    path = write(tmp_path, **changes)
    with pytest.raises(ParamsError) as told:
        load(tmp_path)
    assert str(told.value).startswith(f"{path}: ")
    assert said in str(told.value)


def test_every_form_is_one_that_params_may_name() -> None:
    assert tuple(FORMS) == get_args(FormName)


def test_models_that_cannot_be_are_told_together_before_any_is_trained(tmp_path: Path) -> None:
    wide = {"base": "rostfine", "model": {"top_k": 99}}
    write(tmp_path, experiments={"k_3": {"base": "rostfine"}, "wide": wide, "wider": wide})
    with pytest.raises(ParamsError) as told:
        check_models(load(tmp_path))
    assert str(told.value).splitlines() == [
        f"studies/mine/params.yaml: experiments.{name}.model.top_k: wanted 1 to 25, the patches of "
        "a frame, got 99"
        for name in ("wide", "wider")
    ]
