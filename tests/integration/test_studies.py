"""Every study from its pipeline to its tables and figures, on a small simulated data set."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from PIL import Image

from rostfine.files import read_json
from tests.integration.conftest import Workspace
from tests.integration.weights import write_tiny_weights

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
WITH_FIGURES = {"attention", "backbone_loss", "baselines", "dataset", "pretraining", "sweeps"}
STUDIES = sorted(path.parent.name for path in (ROOT / "studies").glob("*/dvc.yaml"))


@pytest.fixture(scope="module")
def folded(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace of 6 patients whose studies are set to smoke, with clips, labels and folds."""
    folder = tmp_path_factory.mktemp("studies") / "lab"
    Workspace(folder.parent).run("rostfine", "init", str(folder), "--preset", "smoke")
    workspace = Workspace(folder)
    workspace.set_params(folds__k=2)
    let_weights_in(folder)
    workspace.run("rostfine", "simulate", ".", "--patients", "6")
    workspace.run("dvc", "repro", "make_folds")
    return workspace


def let_weights_in(workspace: Path) -> None:
    """Give the study of pretraining files of weights, which it leaves out of small settings."""
    write_tiny_weights(workspace / "data" / "weights")
    path = workspace / "studies" / "pretraining" / "params.yaml"
    params = yaml.safe_load(path.read_text())
    params["small"] = {"every": params["small"]["every"]}
    path.write_text(yaml.safe_dump(params))


def run_study(workspace: Workspace, name: str) -> list[str]:
    """Run a study, and return the stages that ran."""
    said = workspace.run("dvc", "repro", f"studies/{name}/dvc.yaml")
    return re.findall(r"Running stage '([^']+)'", said)


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_runs_once_and_leaves_its_tables_figures_and_page(
    folded: Workspace, name: str
) -> None:
    path = f"studies/{name}/dvc.yaml"
    pipeline = yaml.safe_load((folded.folder / path).read_text())
    stages = [f"{path}:{stage}" for stage in pipeline["stages"]]
    assert run_study(folded, name) == stages
    folder = folded.folder / "studies" / name
    tables = sorted((folder / "tables").glob("*.parquet"))
    assert tables
    for path in tables:
        assert len(pd.read_parquet(path)) > 0
        assert path.with_suffix(".md").read_text().startswith("## ")
        assert r"\toprule" in path.with_suffix(".tex").read_text()
    figures = sorted((folder / "figures").glob("*.png"))
    assert figures or name not in WITH_FIGURES
    for path in figures:
        with Image.open(path) as picture:
            assert min(picture.size) > 100
    page = (folder / "report.html").read_text()
    assert page.count("<section") == len(tables) + len(figures)
    assert ("Setting “smoke”" in page) == (name != "dataset")
    assert run_study(folded, name) == []


def test_a_fit_that_another_study_did_is_not_done_again(folded: Workspace) -> None:
    """Both models of `folds` are among those of `baselines`."""
    run_study(folded, "baselines")
    run_study(folded, "folds")
    before = sorted(folded.folder.glob("checkpoints/shared/*"))
    said = folded.run("dvc", "repro", "--force", "--single-item", "studies/folds/dvc.yaml:train")
    assert "epochs: 4/4" in said
    assert "Ray" not in said
    assert sorted(folded.folder.glob("checkpoints/shared/*")) == before
    runs = (folded.folder / "studies" / study / "runs" for study in ("baselines", "folds"))
    first, second = (pd.read_parquet(run / "timesformer" / "predictions.parquet") for run in runs)
    pd.testing.assert_frame_equal(first, second)
    keys = [read_json(path) for path in folded.folder.glob("checkpoints/shared/*/identity.json")]
    assert len({json.dumps(key, sort_keys=True) for key in keys}) == len(keys)


def test_the_published_command_lines_of_the_readme_train_and_test(folded: Workspace) -> None:
    """As they stand there, but of a size that takes no time: of a flag the last counts."""
    lines = {line.split()[1]: line for line in README.splitlines() if "--use-feat vg+vs" in line}
    tiny = "--size tiny --no-pretrained --video-size 40 --num-frame 4 --epochs 1 --output_dir out"
    folded.run(*lines["train"].split(), *tiny.split())
    (run,) = (folded.folder / "out" / "rostfine").iterdir()
    said = folded.run(*lines["test"].split(), "--load_dir", str(run))
    for word in ("mse", "js", "bacc_1", "bacc_avg", "mean ± sd"):
        assert word in said
    pictures = list((run / "test" / "samples").glob("*.png"))
    assert len(pictures) == len(pd.read_parquet(folded.folder / "data" / "folds.parquet"))
    said = folded.run("rostfine", "test", "--load_dir", str(run), "--model_name", "x3d", code=1)
    assert "holds a rostfine, got 'x3d'" in said


def test_the_readme_has_a_command_for_every_study() -> None:
    assert set(re.findall(r"dvc repro studies/(\w+)/dvc.yaml", README)) == set(STUDIES)
