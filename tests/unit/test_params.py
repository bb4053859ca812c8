import re
import typing
from pathlib import Path

import pytest
import yaml

from rostfine.errors import ParamsError
from rostfine.model_params import RoSTFineParams
from rostfine.params import ExperimentParams, load_params
from rostfine.parsing import parse, plain
from rostfine.variants import PAPER, PUBLISHED, Switch, Variant, named_variant

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["params.yaml", "params.small.yaml"])
def content(request):
    return yaml.safe_load((ROOT / request.param).read_text())


def load(tmp_path, content):
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return load_params(path)


def test_both_presets_load(tmp_path, content):
    params = load(tmp_path, content)
    assert isinstance(params.experiments["rostfine"].model, RoSTFineParams)
    assert params.clips.frames == 16
    assert params.clips.size_px == 150


def test_the_paper_preset_holds_the_papers_numbers():
    experiment = load_params(ROOT / "params.yaml").experiments["rostfine"]
    fit = experiment.fit
    assert (fit.optimizer, fit.lr, fit.momentum, fit.weight_decay) == ("sgd", 1e-3, 0.9, 5e-4)
    assert (fit.batch, fit.epochs) == (8, 300)
    assert (
        experiment.model.top_k,
        experiment.model.branch_depth,
        experiment.model.branch_heads,
    ) == (3, 6, 8)


def test_parsed_params_survive_a_round_trip_through_plain_values(tmp_path, content):
    experiment = load(tmp_path, content).experiments["rostfine"]
    assert parse(ExperimentParams, plain(experiment)) == experiment


def unknown_key(c):
    c["clips"]["framez"] = 3


def unknown_section(c):
    c["clip"] = {}


def missing_key(c):
    del c["experiments"]["rostfine"]["fit"]["lr"]


def text_for_number(c):
    c["clips"]["frames"] = "many"


def true_for_number(c):
    c["clips"]["frames"] = True


def unknown_model(c):
    c["experiments"]["rostfine"]["model"]["name"] = "vgg"


def unknown_choice(c):
    c["tracking"]["on_bad_input"] = "ignore"


def unknown_experiment(c):
    c["cross_validate"]["experiments"] = ["rostfine", "nobody"]


def register_what_is_not_run(c):
    c["register"]["experiment"] = "timesformer"
    c["cross_validate"]["experiments"] = ["rostfine"]


def no_epochs(c):
    c["experiments"]["rostfine"]["fit"]["epochs"] = 0


def unknown_switch(c):
    c["experiments"]["rostfine"]["variant"] = ["token_order", "typo"]


def unknown_variant(c):
    c["experiments"]["rostfine"]["variant"] = "papr"


def pair_of_an_unused_feature(c):
    c["experiments"]["rostfine"]["model"]["use_feat"] = ["g", "s"]


def shift_out_of_range(c):
    c["experiments"]["rostfine"]["fit"]["augment"] = {
        **{"turn": "none", "flip": False, "brightness": 0.0, "contrast": 0.0, "blur_px": 0.0},
        "shift": -0.1,
    }


def augmented_though_frozen(c):
    shift_out_of_range(c)
    c["experiments"]["rostfine"]["fit"]["augment"]["shift"] = 0.1
    c["experiments"]["rostfine"]["fit"]["freeze"] = "encoder"


def all_clips_choose(c):
    c["experiments"]["rostfine"]["fit"]["validation"] = 1.0


def reserved_name(c):
    c["experiments"]["lock"] = c["experiments"]["rostfine"]


def no_mapping(c):
    c["clips"] = 3


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (unknown_key, "unknown key clips.framez; known here: frames, size_px"),
        (unknown_section, "unknown key clip; known here: tracking, clips"),
        (missing_key, "missing key experiments.rostfine.fit.lr"),
        (text_for_number, "clips.frames: wanted a whole number, got 'many'"),
        (true_for_number, "clips.frames: wanted a whole number, got True"),
        (
            unknown_model,
            "experiments.rostfine.model.name: wanted vgg16 or resnet or r3d or r2plus1d or i3d "
            "or x3d or slowfast or vivit or timesformer or rostfine, got 'vgg'",
        ),
        (unknown_choice, "tracking.on_bad_input: wanted stop or skip, got 'ignore'"),
        (unknown_experiment, "no experiment 'nobody'; known: rostfine, timesformer"),
        (register_what_is_not_run, "register.experiment: wanted one of"),
        (no_epochs, "experiments.rostfine.fit.epochs: wanted a whole number from 1 on, got 0"),
        (unknown_switch, "rostfine.variant[1]: wanted token_order or last_layer_only or"),
        (unknown_variant, "rostfine.variant: wanted paper or published, got 'papr'"),
        (
            pair_of_an_unused_feature,
            "rostfine.loss.use_div: wanted pairs of the features g, s, each once, got ['gs', 'gt'",
        ),
        (shift_out_of_range, "rostfine.fit.augment.shift: wanted a number from 0 to 1, got -0.1"),
        (augmented_though_frozen, "fit.augment: wanted null, because a frozen encoder sees"),
        (all_clips_choose, "rostfine.fit.validation: wanted a number from 0.01 to 0.5, got 1"),
        (reserved_name, "other than condensed, lock, shared, got 'lock'"),
        (no_mapping, "clips: wanted the keys frames, size_px, got 3"),
    ],
)
def test_a_wrong_key_is_named_with_what_was_wanted(tmp_path, content, spoil, message):
    spoil(content)
    with pytest.raises(ParamsError, match=re.escape(message)) as caught:
        load(tmp_path, content)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "params.yaml") in str(caught.value)


def test_a_variant_is_a_name_or_a_list_of_its_switches(tmp_path, content):
    for given, wanted in (
        ("published", PUBLISHED),
        ([], PAPER),
        (["js_precedence"], Variant(js_precedence=True)),
    ):
        content["experiments"]["rostfine"]["variant"] = given
        experiment = load(tmp_path, content).experiments["rostfine"]
        assert named_variant(experiment.variant) == wanted
        assert parse(ExperimentParams, plain(experiment)) == experiment


def test_params_know_exactly_the_switches_there_are():
    assert set(typing.get_args(Switch)) == set(vars(PAPER))
    assert not any(vars(PAPER).values())
    assert all(vars(PUBLISHED).values())


def test_a_missing_file_and_broken_yaml_are_params_errors(tmp_path):
    with pytest.raises(ParamsError, match="no such file"):
        load_params(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_bytes(b"a: \xff")
    with pytest.raises(ParamsError, match="not YAML"):
        load_params(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("clips: {frames: 3, frames: 4}")
    with pytest.raises(ParamsError, match="key 'frames' occurs twice in what begins at line 1"):
        load_params(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("a: [1")
    with pytest.raises(ParamsError, match="not YAML"):
        load_params(tmp_path / "params.yaml")
