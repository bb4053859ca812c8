from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from rostfine.cli import app
from rostfine.errors import InputError, ParamsError
from rostfine.models import build_experiment
from rostfine.parsing import plain
from rostfine.published.flags import NAMES, WEIGHTS, Flags, to_experiment

ROSTFINE = Flags(model_name="rostfine", num_frame=8, epochs=300, pretrained=False)


def test_the_sample_command_of_rostfine_means_this_experiment() -> None:
    experiment = plain(to_experiment(ROSTFINE))
    assert experiment["model"] == {
        "name": "rostfine",
        "size": "vit_b",
        "drop_path": 0.1,
        "pretrained": None,
        "attention_layers": None,
        "top_k": 3,
        "branch_depth": 2,
        "branch_heads": 8,
        "use_feat": ["g", "s", "t"],
        "aggregation": "separate",
    }
    assert experiment["input"] == {"frames": 8, "image_px": 224, "speed": None}
    assert experiment["loss"] == {"name": "mse", "alpha": 1.0, "use_div": ["gs", "gt", "st"]}
    told = {
        name: experiment["fit"][name] for name in ("optimizer", "lr", "batch", "epochs", "seed")
    }
    assert told == {"optimizer": "sgd", "lr": 0.005, "batch": 16, "epochs": 300, "seed": 234}


@pytest.mark.parametrize(
    ("flag", "key", "value"),
    [
        ({"seed": 5}, "fit.seed", 5),
        ({"num_frame": 4}, "input.frames", 4),
        ({"video_size": 64}, "input.image_px", 64),
        ({"batch_size": 3}, "fit.batch", 3),
        ({"epochs": 7}, "fit.epochs", 7),
        ({"loss": "js"}, "loss.name", "js"),
        ({"optim": "Adam"}, "fit.optimizer", "adam"),
        ({"lr": 0.5}, "fit.lr", 0.5),
        ({"momentum": 0.5}, "fit.momentum", 0.5),
        ({"weight_decay": 0.5}, "fit.weight_decay", 0.5),
        ({"use_div": "st+gs"}, "loss.use_div", ["st", "gs"]),
        ({"use_feat": "vg+vt", "use_div": "gt"}, "model.use_feat", ["g", "t"]),
        ({"alpha": 0.25}, "loss.alpha", 0.25),
        ({"num_heads": 4}, "model.branch_heads", 4),
        ({"num_blk": 6}, "model.branch_depth", 6),
        ({"topk": 60}, "model.top_k", 60),
        ({"top_attn": 11}, "model.attention_layers", 1),
        ({"top_attn": 8}, "model.attention_layers", 4),
        ({"size": "tiny"}, "model.size", "tiny"),
        ({"variant": "published"}, "variant", "published"),
    ],
)
def test_a_flag_changes_its_key_and_no_other(flag: dict[str, Any], key: str, value: object) -> None:
    before, after = plain(to_experiment(ROSTFINE)), plain(to_experiment(replace(ROSTFINE, **flag)))
    *section, name = key.split(".")
    for part in section:
        before, after = before[part], after[part]
    assert after[name] == value
    assert before[name] != value


@pytest.mark.parametrize("name", NAMES)
def test_every_published_name_is_a_model_that_can_be_built(name: str) -> None:
    with torch.device("meta"):
        build_experiment(to_experiment(Flags(model_name=name, num_frame=8, pretrained=False)))


def test_pretrained_weights_are_those_of_the_model(tmp_path: Path) -> None:
    flags = Flags(
        pretrained_timesformer=tmp_path / "t.pyth",
        pretrained_vivit=tmp_path / "v.pth",
        pretrained_dir=tmp_path,
    )
    wanted = {"timesformer": "t.pyth", "rostfine": "t.pyth", "vivit": "v.pth", **WEIGHTS}
    assert set(wanted) == set(NAMES)
    for name, file in wanted.items():
        with pytest.raises(InputError, match=rf"{file}: no such file .* --no-pretrained"):
            to_experiment(replace(flags, model_name=name))
        (tmp_path / file).touch()
        held = to_experiment(replace(flags, model_name=name)).model.pretrained
        assert held == str(tmp_path / file)
        (tmp_path / file).unlink()


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ({"model_name": "vit"}, "--model-name: wanted timesformer or rostfine"),
        ({"optim": "RMSprop"}, "--optim: wanted SGD or Adam, got 'RMSprop'"),
        ({"use_div": "gs+gs"}, "--use-div: wanted each once"),
        ({"use_feat": "vg+vx"}, "--use-feat: wanted vg or vs or vt, got 'vx'"),
        ({"loss": "l1"}, "loss.name: wanted mse or js"),
    ],
)
def test_a_flag_that_means_nothing_is_told(flag: dict[str, Any], said: str) -> None:
    with pytest.raises((InputError, ParamsError), match=said.replace("(", r"\(")):
        to_experiment(replace(ROSTFINE, **flag))


def test_both_spellings_of_a_flag_will_do_and_a_pickle_is_refused_with_its_place(
    tmp_path: Path,
) -> None:
    for flag in ("--grade_path", "--grade-path"):
        result = CliRunner().invoke(app, ["train", flag, "grades.pkl"])
        assert isinstance(result.exception, InputError)
        assert str(result.exception) == (
            "--grade-path: the soft labels are data/labels.parquet of the workspace; got grades.pkl"
        )
    result = CliRunner().invoke(app, ["train", "--no-pretrained", "--data-dir", str(tmp_path)])
    assert "--data-dir: wanted a workspace" in str(result.exception)
