"""`rostfine test` on a run that lies beside its workspace."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rostfine.cli import app
from rostfine.errors import FoldError, InputError
from tests.unit.published.conftest import SAMPLES, write_folds


def run_test(workspace: Path, *flags: str, run: str = "out/run") -> Result:
    where = ("--load-dir", str(workspace / run), "--data-dir", str(workspace), "--device", "cpu")
    small = ("--plot-w", "4", "--plot-h", "3")
    return CliRunner().invoke(app, ["test", *where, *small, *flags])


def test_a_run_is_tested_into_a_folder_whose_earlier_pictures_go(workspace: Path) -> None:
    for _ in range(2):
        said = run_test(workspace, "--use-metrics", "mse+hi+balanced_acc")
        assert said.exit_code == 0, said.exception
        assert "mean ± sd" in said.output
        out = workspace / "out" / "run" / "test"
        assert {p.stem for p in (out / "samples").iterdir()} == set(SAMPLES)
        assert set(json.loads((out / "metrics.json").read_text())["1"]) >= {"mse", "hi", "bacc_avg"}
        (out / "samples" / "gone.png").touch()


@pytest.mark.parametrize("folds", [[1, 1, 0, 0], [0, 1, 0, 1]])
def test_a_run_on_other_folds_is_refused_because_it_learnt_from_what_it_would_be_tested_on(
    workspace: Path, folds: list[int]
) -> None:
    write_folds(workspace, folds)
    said = run_test(workspace)
    assert isinstance(said.exception, FoldError)
    assert "wanted a run on the folds of" in str(said.exception)
    assert not (workspace / "out" / "run" / "test").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--model-name x3d", "--model-name: {run} holds a rostfine, got 'x3d'"),
        ("--num_frame 8", "--num-frame: {run} was trained with 2, got 8"),
        # What is no default of the run but one of the parser was written, too.
        ("--epochs 200", "--epochs: {run} was trained with 7, got 200"),
        ("--use-feat vg+vt", "--use-feat: {run} was trained with vg+vs, got vg+vt"),
        ("--use-div gs+gt+st", "--use-div: {run} was trained with gs, got gs+gt+st"),
        ("--pretrained True", "--pretrained: {run} was trained with False, got True"),
        ("--top-attn 2", "--top-attn: {run} was trained with 1, got 2"),
        ("--kfold 5", "--kfold: wanted 5 folds, data/folds.parquet has 2"),
        ("--use-metrics mse+f1", "--use-metrics: wanted mse or js"),
        ("--js True", "--js: it had no effect"),
    ],
)
def test_a_flag_that_differs_from_the_run_is_refused(
    workspace: Path, flags: str, said: str
) -> None:
    result = run_test(workspace, *flags.split())
    assert isinstance(result.exception, InputError)
    assert str(result.exception).startswith(said.format(run=workspace / "out" / "run"))


def test_every_flag_of_the_training_may_be_given_again(workspace: Path) -> None:
    same = (
        "--model-name rostfine --size tiny --variant paper --num-frame 2 --video-size 16 "
        "--use-feat vs+vg --use-div gs --topk 2 --alpha 1 --epochs 7 --optim SGD --lr 0.005 "
        "--loss mse --pretrained no --no-pretrained --pretrained-dir elsewhere --seed 234 --kfold 2"
    )
    said = run_test(workspace, *same.split())
    assert said.exit_code == 0, said.exception


def test_results_of_a_run_that_dvc_keeps_go_elsewhere(workspace: Path, tmp_path: Path) -> None:
    (workspace / "out").rename(workspace / "runs")
    kept = re.escape(f"--output-dir: wanted a folder outside of {workspace / 'runs'}, which DVC")
    for flags in ((), ("--output-dir", str(workspace / "runs" / "other"))):
        said = run_test(workspace, *flags, run="runs/run")
        assert isinstance(said.exception, InputError)
        assert re.match(kept, str(said.exception))
    said = run_test(workspace, "--output-dir", str(tmp_path / "results"), run="runs/run")
    assert said.exit_code == 0, said.exception
    assert (tmp_path / "results" / "metrics.json").exists()
    assert not (workspace / "runs" / "run" / "test").exists()


def test_results_take_the_place_of_no_run_and_of_no_pictures_of_others(workspace: Path) -> None:
    run, mine = workspace / "out" / "run", workspace / "mine"
    (mine / "samples").mkdir(parents=True)
    for out, why in ((run, "wanted a folder without a run"), (mine, "are of something else")):
        said = run_test(workspace, "--output-dir", str(out))
        assert isinstance(said.exception, InputError)
        assert why in str(said.exception)
    assert (mine / "samples").exists()
