import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rostfine.errors import InputError, ParamsError
from rostfine.models import build_experiment
from rostfine.parsing import flatten, plain
from rostfine.published.experiment import NAMES, WEIGHTS, to_experiment
from rostfine.published.flags import Flags
from rostfine.published.held import flags_of

ROSTFINE = Flags(model_name="rostfine", num_frame=8, epochs=300, pretrained="False")


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
        ({"use_feat": "vt+vs+vg"}, "model.use_feat", ["t", "s", "g"]),
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
def test_a_flag_changes_its_key_and_no_other_and_can_be_read_from_the_experiment(
    flag: dict[str, Any], key: str, value: object
) -> None:
    changed = to_experiment(replace(ROSTFINE, **flag))
    before, after = flatten(plain(to_experiment(ROSTFINE))), flatten(plain(changed))
    assert {name for name in after if after[name] != before[name]} == {key}
    assert after[key] == flatten({key: value})[key]
    if "batch_size" not in flag:  # test has one of its own
        ((name, said),) = flag.items()
        assert flags_of(changed)[name] == said


@pytest.mark.parametrize("name", NAMES)
def test_every_published_name_is_a_model_that_can_be_built(name: str) -> None:
    experiment = to_experiment(Flags(model_name=name, num_frame=8, pretrained="False"))
    with torch.device("meta"):
        model = build_experiment(experiment)
    assert sum(weight.numel() for weight in model.parameters()) > 1e6


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
    ("said", "pairs", "alpha"),
    [
        ({"use_feat": "vg+vs"}, ["gs"], 1.0),
        ({"use_feat": "vt+vs"}, ["st"], 1.0),
        ({"use_feat": "vs"}, [], 0.0),
        ({"use_feat": "vg+vt", "use_div": "gt"}, ["gt"], 1.0),
        ({"use_div": ""}, [], 0.0),
    ],
)
def test_without_use_div_the_pairs_are_those_that_the_features_allow(
    said: dict[str, str], pairs: list[str], alpha: float
) -> None:
    loss = to_experiment(replace(ROSTFINE, **said)).loss
    assert (list(loss.use_div), loss.alpha) == (pairs, alpha)


@pytest.mark.parametrize("no", ["False", "no", "0", "f", "OFF"])
def test_pretrained_false_is_not_taken_for_true(no: str) -> None:
    assert to_experiment(replace(ROSTFINE, pretrained=no)).model.pretrained is None
    assert to_experiment(Flags(no_pretrained=True)).model.pretrained is None


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ({"model_name": "vit"}, "--model-name: wanted timesformer or rostfine"),
        ({"optim": "RMSprop"}, "--optim: wanted SGD or Adam, got 'RMSprop'"),
        ({"use_div": "gs+gs"}, "--use-div: wanted each once"),
        ({"use_feat": "vg+vx"}, "--use-feat: wanted vg or vs or vt, got 'vx'"),
        ({"use_feat": "vg+vs", "use_div": "gs+gt"}, "--use-div: wanted gs, of the features of"),
        ({"use_feat": "vg", "use_div": "gs"}, "--use-div: wanted no pair, of the features of"),
        ({"loss": "l1"}, "loss.name: wanted mse or js"),
        ({"pretrained": "maybe"}, "--pretrained: wanted True or False, got 'maybe'"),
        ({"top_attn": 12}, "--top-attn: wanted 0 to 11, one of the layers of vit_b, got 12"),
        ({"top_attn": -1}, "--top-attn: wanted 0 to 11, one of the layers of vit_b, got -1"),
        (
            {"top_attn": 11, "size": "tiny"},
            "--top-attn: wanted 0 to 2, one of the layers of tiny, got 11",
        ),
    ],
)
def test_a_flag_that_means_nothing_is_told(flag: dict[str, Any], said: str) -> None:
    with pytest.raises((InputError, ParamsError), match=re.escape(said)):
        to_experiment(replace(ROSTFINE, **flag))
