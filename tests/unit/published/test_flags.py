"""One parser for both commands."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from rostfine.cli import app
from rostfine.errors import InputError

PUBLISHED = """
output_dir data_dir tensorboard_dir grade_path video_path traj_path device seed num_frame video_size
model_name pretrained pretrained_timesformer pretrained_vivit pretrained_dir kfold batch_size epochs
loss optim lr momentum weight_decay js plot_w plot_h load_dir use_metrics use_div use_feat alpha
num_heads num_blk topk top_attn
"""
"""All flags of the published parser, which train.py and test.py share."""
VALUES = {"device": "cpu", "model_name": "rostfine", "size": "tiny"}


@pytest.mark.parametrize("command", ["train", "test"])
def test_both_commands_know_every_published_flag_with_a_value(command: str) -> None:
    flags = [part for f in PUBLISHED.split() for part in (f"--{f}", VALUES.get(f, "1"))]
    said = CliRunner().invoke(app, [command, *flags])
    assert isinstance(said.exception, InputError), said.output
    assert str(said.exception).startswith("--grade-path: the soft labels are data/labels.parquet")


def test_training_takes_a_flag_of_testing_and_both_spellings_and_wants_a_workspace(
    tmp_path: Path,
) -> None:
    for flags in (("--no-pretrained", "--load-dir", "x"), ("--pretrained", "False", "--plot_w=3")):
        said = CliRunner().invoke(app, ["train", *flags, "--data-dir", str(tmp_path)])
        assert f"--data-dir: wanted a workspace ('rostfine init'), got {tmp_path}" in str(
            said.exception
        )


def test_training_does_not_write_where_dvc_keeps_its_runs(workspace: Path) -> None:
    where = (
        "--data-dir",
        str(workspace),
        "--output-dir",
        str(workspace / "studies" / "x" / "runs"),
    )
    said = CliRunner().invoke(app, ["train", "--no-pretrained", *where])
    assert isinstance(said.exception, InputError)
    assert f"wanted a folder outside of {workspace / 'studies'}" in str(said.exception)


def test_a_model_that_cannot_be_built_is_told_before_anything_starts(workspace: Path) -> None:
    tiny = "--model-name rostfine --size tiny --no-pretrained --video-size 16 --topk 5"
    where = ("--data-dir", str(workspace), "--output-dir", str(workspace / "out"))
    said = CliRunner().invoke(app, ["train", *tiny.split(), *where])
    assert str(said.exception) == ("model.top_k: wanted 1 to 4, the patches of a frame, got 5"), (
        said.output
    )
    assert not (workspace / "checkpoints").exists()
