import json
import re
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rostfine.errors import InputError
from rostfine.models.weight_files import read_weights


@pytest.mark.parametrize("wrapper", [None, "model_state", "state_dict", "model", "module"])
@pytest.mark.parametrize("prefix", ["", "model.", "module.", "module.model.", "model.model."])
def test_tensors_are_found_under_any_wrapper_and_prefix(tmp_path, wrapper, prefix):
    content = {f"{prefix}norm.weight": torch.ones(2), f"{prefix}steps": 7}
    if wrapper is not None:
        content = {"epoch": 3, "cfg": "a: text", wrapper: content}
    torch.save(content, tmp_path / "weights.pyth")
    weights = read_weights(tmp_path / "weights.pyth")
    assert weights.keys() == {"norm.weight"}
    assert weights["norm.weight"].tolist() == [1, 1]


def test_safetensors_are_read_too_and_a_path_may_be_text(tmp_path):
    save_file({"norm.weight": torch.ones(2)}, tmp_path / "weights.safetensors")
    assert read_weights(str(tmp_path / "weights.safetensors")).keys() == {"norm.weight"}


def write_nothing(path: Path) -> None:
    assert not path.exists()


def write_a_folder(path: Path) -> None:
    path.mkdir()


def write_no_bytes(path: Path) -> None:
    path.touch()


def write_noise(path: Path) -> None:
    path.write_bytes(b"not weights at all")


def write_an_object(path: Path) -> None:
    torch.save({"model_state": Path("anything but a tensor")}, path)


def write_a_list(path: Path) -> None:
    torch.save([torch.zeros(2)], path)


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("w.pth", write_nothing, "no such file of weights"),
        ("w.safetensors", write_nothing, "no such file of weights"),
        ("w.pth", write_a_folder, "not a file of plain weights: .*Is a directory"),
        ("w.pth", write_no_bytes, "not a file of plain weights: ."),
        ("w.safetensors", write_no_bytes, "not a file of plain weights: ."),
        ("w.pth", write_noise, "not a file of plain weights: ."),
        ("w.safetensors", write_noise, "not a file of plain weights: ."),
        ("w.pth", write_an_object, "not a file of plain weights: Weights only load failed"),
        ("w.pth", write_a_list, "wanted named weights, found list"),
    ],
)
def test_a_file_that_is_not_plain_weights_is_refused_in_one_line(tmp_path, name, write, message):
    write(tmp_path / name)
    pattern = f"{re.escape(str(tmp_path / name))}: {message}"
    with pytest.raises(InputError, match=pattern) as error:
        read_weights(tmp_path / name)
    assert "\n" not in str(error.value)


class Exploit:
    """What a pickle of another's may hold: a call."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_no_code_of_a_file_is_run(tmp_path):
    torch.save({"model_state": Exploit(tmp_path / "was_here")}, tmp_path / "w.pth")
    with pytest.raises(InputError, match="not a file of plain weights"):
        read_weights(tmp_path / "w.pth")
    assert not (tmp_path / "was_here").exists()


def test_without_timm_the_extra_that_brings_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"^timm:vit_x: .*pip install 'rostfine\[timm\]'.*$"):
        read_weights("timm:vit_x")


def test_a_name_of_timm_gives_the_pretrained_weights(tmp_path):
    """By the name of a local folder, the one kind that needs no network."""
    timm = pytest.importorskip("timm")
    measures = {"img_size": 16, "patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2}
    model = timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=7, **measures)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    config = {"architecture": "vit_tiny_patch16_224", "model_args": measures}
    config["pretrained_cfg"] = {"num_classes": 7}
    (tmp_path / "config.json").write_text(json.dumps(config))
    weights = read_weights(f"timm:local-dir:{tmp_path}")
    assert weights.keys() == model.state_dict().keys()
    assert all(torch.equal(weights[k], value) for k, value in model.state_dict().items())


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """As under HF_HUB_OFFLINE=1 with an empty cache; both are read once, when imported."""
    pytest.importorskip("timm")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vit_tiny_patch16_224", "cannot be downloaded and is not in the cache; .* path of a file"),
        ("vit_of_nobody", r"not pretrained in timm: Unknown model \(vit_of_nobody\)"),
        ("vit_tiny_patch16_224.nobody", "not pretrained in timm: Invalid pretrained tag"),
        ("hub:vit", "not pretrained in timm: Unknown model source 'hub'"),
    ],
)
@pytest.mark.usefixtures("offline")
def test_a_name_that_timm_cannot_serve_is_refused_in_one_line(name, message):
    with pytest.raises(InputError, match=f"^timm:{name}: {message}") as error:
        read_weights(f"timm:{name}")
    assert "\n" not in str(error.value)
