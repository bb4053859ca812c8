from pathlib import Path

import pytest
import yaml

from rostfine.errors import ParamsError
from rostfine.morphology.params import load_morphology_params

CHECKOUT = Path(__file__).parents[3]
BAD = {
    "fit.augment": ("augment", {"turn": "any", "flip": True, "shift": 0.0, "brightness": 0.0,
                                "contrast": 0.0, "blur_px": 0.0}, "wanted null"),
    "fit.freeze": ("freeze", "encoder", "wanted none"),
    "fit.balance": ("balance", "loss", "wanted none or sampling"),
}  # fmt: skip


@pytest.fixture
def load(tmp_path):
    def load(change):
        said = yaml.safe_load((CHECKOUT / "morphology" / "params.yaml").read_text())
        change(said)
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(said, sort_keys=False))
        return load_morphology_params(path)

    return load


@pytest.mark.parametrize("name", ["params.yaml", "params.small.yaml"])
def test_the_params_of_a_new_workspace_are_usable(name):
    params = load_morphology_params(CHECKOUT / "morphology" / name)
    assert list(params.data.classes) == ["good", "bad"]


def test_the_order_of_classes_is_that_of_the_file(load):
    def turn(said):
        said["data"]["classes"] = dict(reversed(said["data"]["classes"].items()))

    assert list(load(turn).data.classes) == ["bad", "good"]


@pytest.mark.parametrize("key", BAD)
def test_what_a_fit_of_heads_cannot_do_is_named(load, key):
    name, value, words = BAD[key]

    def change(said):
        said["experiments"]["modern"]["fit"][name] = value

    with pytest.raises(ParamsError, match=rf"experiments\.modern\.{key}: {words}"):
        load(change)


@pytest.mark.parametrize(
    ("where", "value", "words"),
    [
        (("register", "experiment"), "published", "wanted one of those in train, got published"),
        (("train",), ["modern", "other"], "train: wanted some of modern, published, got other"),
        (("data", "ignored"), ["Normal"], "data.ignored: Normal: also of the class good"),
        (("data", "classes", "bad", "labels"), ["Normal"], "Normal: wanted one class of heads"),
        (("data", "classes", "bad", "labels"), [], "data.classes.bad.labels: wanted a label"),
        (("data", "split", "file"), "a.csv", "data.split.file: wanted the path of a CSV with"),
        (("data", "kinds"), {}, "kinds"),
    ],
)
def test_what_cannot_be_is_named(load, where, value, words):
    def change(said):
        *parents, last = where
        for parent in parents:
            said = said[parent]
        said[last] = value

    with pytest.raises(ParamsError, match=words):
        load(change)
