"""The settings of both steps, as they are and spoilt."""

from pathlib import Path

import pytest
import yaml

from rostfine.errors import ParamsError
from rostfine.parsing import parse, plain
from rostfine.visem.params import INPUTS, STACK_FRAMES, VisemParams, load_visem_params

ROOT = Path(__file__).parents[3]
PRESETS = [ROOT / "visem" / name for name in ("params.yaml", "params.small.yaml")]


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.name)
def test_both_presets_load_and_survive_a_round_trip(path):
    params = load_visem_params(path)
    assert parse(VisemParams, plain(params)) == params


def test_the_preset_holds_the_papers_numbers():
    params = load_visem_params(PRESETS[0])
    fit = params.autoencoder.fit
    rates = [getattr(params.autoencoder.lr, name) for name in INPUTS]
    assert rates == [4e-4, 4e-4, 1e-4, 4e-4]
    assert (fit.optimizer, fit.weight_decay, fit.schedule) == ("adam", 1e-5, "constant")
    assert (fit.batch, fit.epochs, params.regressor.fit.lr) == (32, 2000, 1e-3)
    assert (params.frames.positions, params.frames.image_px, params.folds.k) == (250, 256, 3)
    assert params.regressor.backbone == "resnet34"
    assert [(given.frames, given.repeated) for given in INPUTS.values()] == [
        (1, False),
        (9, True),
        (9, False),
        (18, False),
    ]
    assert max(given.frames for given in INPUTS.values()) == STACK_FRAMES


def written(folder: Path, keys: str, value: object) -> Path:
    """Write the small preset with one key changed."""
    content = yaml.safe_load(PRESETS[1].read_text())
    *above, last = keys.split(".")
    here = content
    for key in above:
        # Copied, because anchors let two sections share theirs.
        inner = dict(here[key])
        here[key] = inner
        here = inner
    here[last] = value
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        ("frames.image_px", 66, "frames.image_px: wanted a multiple of 4, got 66"),
        ("frames.image_px", 8, r"frames\.image_px: wanted .*16.*, got 8"),
        ("frames.positions", 0, r"frames\.positions: wanted .*, got 0"),
        ("folds.k", 1, r"folds\.k: wanted .*2.*, got 1"),
        ("folds.method", "file", "folds.file: wanted the path of a CSV with method file"),
        ("folds.file", "a.csv", "folds.file: wanted the path of a CSV with method file"),
        ("autoencoder.inputs", ["I5"], r"autoencoder\.inputs.*I5"),
        ("autoencoder.inputs", [], "autoencoder.inputs: wanted some of I1, .* got "),
        ("autoencoder.inputs", ["I4", "I4", "I1"], "autoencoder.inputs: wanted some of .* once"),
        ("autoencoder.inputs", ["I1"], r"register.motility.input: wanted one of .*I1.*, got I4"),
        ("autoencoder.fit.freeze", "encoder", "autoencoder.fit.freeze: wanted none"),
        ("autoencoder.fit.balance", "loss", "autoencoder.fit.balance: wanted none"),
        ("regressor.fit.balance", "sampling", "regressor.fit.balance: wanted none"),
        ("regressor.head.morphology", "softmax", r"regressor\.head\.morphology: wanted .*linear"),
        ("regressor.start", "middle", r"regressor\.start: wanted .*mean.*, got 'middle'"),
        ("data.on_bad_input", "go", r"data\.on_bad_input: wanted .*stop.*, got 'go'"),
        ("compare.draws", 5, r"compare\.draws"),
    ],
)
def test_a_wrong_key_is_named_with_what_was_wanted(tmp_path, keys, value, words):
    path = written(tmp_path, keys, value)
    with pytest.raises(ParamsError, match=rf"params\.yaml: .*{words}") as caught:
        load_visem_params(path)
    assert len(caught.value.faults) == 1


@pytest.mark.parametrize("spoilt", ["brightness", "contrast"])
def test_pictures_may_be_turned_but_not_made_brighter(tmp_path, spoilt):
    augment = {"turn": "any", "flip": True, "shift": 0.1, "brightness": 0.0, "contrast": 0.0}
    params = load_visem_params(written(tmp_path, "regressor.fit.augment", augment | {"blur_px": 1}))
    assert params.regressor.fit.augment.turn == "any"
    path = written(tmp_path, "regressor.fit.augment", augment | {"blur_px": 1, spoilt: 0.1})
    with pytest.raises(
        ParamsError, match=r"regressor\.fit\.augment: wanted brightness and contrast 0"
    ):
        load_visem_params(path)


def test_folds_of_the_users_own_lie_where_a_change_is_seen(tmp_path):
    content = yaml.safe_load(PRESETS[1].read_text())
    content["folds"] |= {"method": "file", "file": "visem/data/folds.csv"}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    assert load_visem_params(path).folds.file == "visem/data/folds.csv"
    content["folds"]["file"] = "folds.csv"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ParamsError, match="folds.file: wanted a file below visem/data"):
        load_visem_params(path)
