import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rostfine.errors import InputError
from rostfine.models.pretrained import load_pretrained
from rostfine.models.timesformer import SIZES, Encoder, VitSize


def tiny_encoder(*, frames=4, image_px=32) -> Encoder:
    return Encoder(SIZES["tiny"], frames=frames, image_px=image_px, drop_path=0.0)


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {name: torch.randn_like(value) for name, value in tiny_encoder().state_dict().items()}


def wrapped(weights, prefix, *wrappers):
    content = {prefix + name: value for name, value in weights.items()}
    for wrapper in wrappers:
        content = {"epoch": 3, wrapper: content}
    return content


@pytest.mark.parametrize(
    ("prefix", "wrappers"),
    [
        ("", ()),
        ("model.", ("model_state",)),
        ("module.", ("state_dict",)),
        ("module.model.", ("model",)),
        ("model.model.", ()),
    ],
)
def test_all_weights_are_found_under_any_wrapper_and_prefix(weights, tmp_path, prefix, wrappers):
    content = wrapped({**weights, "head.weight": torch.zeros(400, 64)}, prefix, *wrappers)
    torch.save(content, tmp_path / "weights.pyth")
    encoder = tiny_encoder()
    report = load_pretrained(encoder, tmp_path / "weights.pyth")
    assert set(report.loaded) == set(weights)
    assert report.ignored == ("head.weight",)
    assert (report.resized, report.copied, report.fresh) == ((), (), ())
    state = encoder.state_dict()
    assert all(torch.equal(state[name], value) for name, value in weights.items())


def test_safetensors_are_read_too(weights, tmp_path):
    save_file(weights, tmp_path / "weights.safetensors")
    report = load_pretrained(tiny_encoder(), tmp_path / "weights.safetensors")
    assert len(report.loaded) == len(weights)


def test_positions_are_resized_in_two_dimensions_and_times_in_one(weights, tmp_path):
    ramp = torch.arange(4.0)
    down = ramp[:, None].expand(4, 4).reshape(16)
    weights["pos_embed"][0, 1:] = down[:, None]
    weights["time_embed"][0] = ramp[:, None]
    save_file(weights, tmp_path / "weights.safetensors")
    encoder = tiny_encoder(frames=8, image_px=64)
    report = load_pretrained(encoder, tmp_path / "weights.safetensors")
    assert set(report.resized) == {"pos_embed", "time_embed"}
    grid = encoder.pos_embed[0, 1:, 0].detach().reshape(8, 8)
    assert (grid - grid[:, :1]).abs().max() < 1e-5  # alike across
    assert (grid.diff(dim=0) > 0.05).all()  # growing down
    assert torch.equal(encoder.pos_embed[0, 0], weights["pos_embed"][0, 0])
    time = encoder.time_embed[0, :, 0].tolist()
    assert time == pytest.approx([0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])


def test_an_image_transformer_s_attention_in_space_is_copied_into_time(weights, tmp_path):
    image = {name: value for name, value in weights.items() if "tempo" not in name}
    image.pop("time_embed")
    save_file(image, tmp_path / "image.safetensors")
    encoder = tiny_encoder()
    report = load_pretrained(encoder, tmp_path / "image.safetensors")
    block = encoder.blocks[1]
    assert torch.equal(block.temporal_attn.qkv.weight, weights["blocks.1.attn.qkv.weight"])
    assert torch.equal(block.temporal_norm1.bias, weights["blocks.1.norm1.bias"])
    assert block.temporal_fc.weight.abs().max() == 0
    assert len(report.copied) == 3 * 6
    assert set(report.fresh) == {"time_embed"} | {
        f"blocks.{depth}.temporal_fc.{kind}" for depth in range(3) for kind in ("weight", "bias")
    }


def test_weights_of_another_size_are_refused_line_by_line_and_nothing_is_loaded(tmp_path):
    other = Encoder(VitSize(48, 3, 4, 8, 2), frames=4, image_px=32, drop_path=0.0)
    save_file(other.state_dict(), tmp_path / "other.safetensors")
    encoder = tiny_encoder()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    with pytest.raises(InputError, match=r"cls_token: wanted \(1, 1, 64\), found \(1, 1, 48\)"):
        load_pretrained(encoder, tmp_path / "other.safetensors")
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_a_file_where_nothing_fits_is_refused_with_both_kinds_of_names(tmp_path):
    save_file({"stem.weight": torch.zeros(2)}, tmp_path / "r3d.safetensors")
    message = "no weights of a TimeSformer; wanted names such as cls_token.*found stem.weight"
    with pytest.raises(InputError, match=message):
        load_pretrained(tiny_encoder(), tmp_path / "r3d.safetensors")


def write_nothing(path: Path) -> None:
    assert not path.exists()


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
        ("w.pth", write_noise, "not a file of plain weights"),
        ("w.safetensors", write_noise, "not a file of plain weights"),
        ("w.pth", write_an_object, "not a file of plain weights"),
        ("w.pth", write_a_list, "wanted named weights, found list"),
    ],
)
def test_a_file_that_is_not_plain_weights_is_refused(tmp_path, name, write, message):
    write(tmp_path / name)
    with pytest.raises(InputError, match=f"{re.escape(str(tmp_path / name))}: {message}"):
        load_pretrained(tiny_encoder(), tmp_path / name)
