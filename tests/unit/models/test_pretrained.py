import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rostfine.errors import InputError
from rostfine.model_params import TimeSformerParams
from rostfine.models import build_model
from rostfine.models.pretrained import load_pretrained
from rostfine.models.timesformer import Encoder, VitSize
from rostfine.params import InputParams


def tiny(*, frames=4, image_px=32) -> nn.Module:
    params = TimeSformerParams("timesformer", "tiny", 0.0, None)
    return build_model(params, InputParams(frames, image_px, None))


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    """Of a bare encoder, under the official names."""
    torch.manual_seed(0)
    state = tiny().encoder.state_dict()
    return {name: torch.randn_like(value) for name, value in state.items()}


@pytest.fixture
def load(tmp_path):
    """Save weights, load them into a model, and return the report."""

    def load(model, weights, **how):
        save_file(weights, tmp_path / "weights.safetensors")
        return load_pretrained(model, tmp_path / "weights.safetensors", **how)

    return load


def test_positions_are_resized_in_two_dimensions_and_times_in_one(weights, load):
    ramp = torch.arange(4.0)
    down = ramp[:, None].expand(4, 4).reshape(16)
    weights["pos_embed"][0, 1:] = down[:, None]
    weights["time_embed"][0] = ramp[:, None]
    model = tiny(frames=8, image_px=64)
    report = load(model, weights)
    assert set(report.resized) == {"encoder.pos_embed", "encoder.time_embed"}
    grid = model.encoder.pos_embed[0, 1:, 0].detach().reshape(8, 8)
    assert (grid - grid[:, :1]).abs().max() < 1e-5  # alike across
    assert (grid.diff(dim=0) > 0.05).all()  # growing down
    assert torch.equal(model.encoder.pos_embed[0, 0], weights["pos_embed"][0, 0])
    time = model.encoder.time_embed[0, :, 0].tolist()
    assert time == pytest.approx([0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])


def test_flat_positions_are_repeated_along_their_one_axis_and_times_too(weights, load):
    weights["pos_embed"][0, :, 0] = torch.arange(17.0)
    weights["time_embed"][0, :, 0] = torch.arange(4.0)
    model = tiny(frames=6, image_px=48)
    report = load(model, weights, flat_positions=True)
    assert set(report.resized) == {"encoder.pos_embed", "encoder.time_embed"}
    nearest = [patch * 16 // 36 for patch in range(36)]
    assert model.encoder.pos_embed[0, 1:, 0].tolist() == [1 + patch for patch in nearest]
    assert model.encoder.pos_embed[0, 0, 0] == 0
    assert model.encoder.time_embed[0, :, 0].tolist() == [0, 0, 1, 2, 2, 3]


def test_positions_of_the_wanted_size_are_kept_in_either_way(weights, load):
    for flat in (False, True):
        model = tiny()
        assert load(model, weights, flat_positions=flat).resized == ()
        assert torch.equal(model.encoder.pos_embed, weights["pos_embed"])
        assert torch.equal(model.encoder.time_embed, weights["time_embed"])


def test_an_image_transformer_s_attention_in_space_is_copied_into_time(weights, load):
    image = {name: value for name, value in weights.items() if "tempo" not in name}
    image.pop("time_embed")
    model = tiny()
    report = load(model, image)
    block = model.encoder.blocks[1]
    assert torch.equal(block.temporal_attn.qkv.weight, weights["blocks.1.attn.qkv.weight"])
    assert torch.equal(block.temporal_norm1.bias, weights["blocks.1.norm1.bias"])
    assert block.temporal_fc.weight.abs().max() == 0
    assert model.encoder.time_embed.abs().max() == 0
    assert len(report.copied) == 3 * 6
    assert set(report.fresh) == {
        "encoder.time_embed",
        *(
            f"encoder.blocks.{d}.temporal_fc.{kind}"
            for d in range(3)
            for kind in ("weight", "bias")
        ),
        "head.linear.weight",
        "head.linear.bias",
    }


def test_the_report_names_layers_once_and_large_parts_whole(weights, load):
    image = {name: value for name, value in weights.items() if "tempo" not in name}
    image.pop("time_embed")
    heads = {"head.weight": torch.ones(400, 64), "head.bias": torch.ones(400)}
    report = load(tiny(image_px=48), image | heads)
    copied = ", ".join(
        f"encoder.blocks.*.{name}"
        for name in ("temporal_norm1", "temporal_attn.qkv", "temporal_attn.proj")
    )
    assert report.text.splitlines() == [
        "layout: official TimeSformer or timm",
        "loaded (41): encoder.*",
        "resized (1): encoder.pos_embed",
        f"copied (18): {copied}",
        "fresh (9): encoder.time_embed, encoder.blocks.*.temporal_fc, head.linear",
        "ignored (2): head",
    ]


def test_of_many_strange_names_the_report_names_eight(weights, load):
    strange = {f"ema_{number:02}.weight": torch.ones(1) for number in range(12)}
    report = load(tiny(), weights | strange)
    named = ", ".join(f"ema_{number:02}" for number in range(8))
    assert report.text.splitlines()[-1] == f"ignored (12): {named}, ..."


def test_weights_in_half_precision_are_widened_before_they_are_resized(weights, load):
    half = {name: value.bfloat16() for name, value in weights.items()}
    from_half, from_full = tiny(frames=6, image_px=48), tiny(frames=6, image_px=48)
    load(from_half, half)
    load(from_full, {name: value.float() for name, value in half.items()})
    wanted = from_full.encoder.state_dict()
    for name, value in from_half.encoder.state_dict().items():
        assert torch.equal(value, wanted[name]), name


def test_weights_of_another_size_are_refused_line_by_line_and_nothing_is_loaded(load):
    other = Encoder(VitSize(48, 3, 4, 8, 2), frames=4, image_px=32, drop_path=0.0)
    model = tiny()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError) as error:
        load(model, other.state_dict())
    lines = str(error.value).splitlines()
    assert all("weights.safetensors: encoder." in line for line in lines[:-1])
    assert lines[0].endswith("encoder.cls_token: wanted (1, 1, 64), found (1, 1, 48)")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_one_wrong_shape_among_good_ones_loads_nothing(weights, load):
    model = tiny()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    message = r"safetensors: encoder\.norm\.bias: wanted \(64,\), found \(63,\)$"
    with pytest.raises(InputError, match=message):
        load(model, weights | {"norm.bias": torch.ones(63)})
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("flat", [False, True])
def test_positions_of_no_square_grid_are_refused(weights, load, flat):
    message = r"encoder\.pos_embed: wanted \(1, 17, 64\), found \(1, 13, 64\)$"
    with pytest.raises(InputError, match=message):
        load(tiny(), weights | {"pos_embed": torch.ones(1, 13, 64)}, flat_positions=flat)


@pytest.mark.parametrize(
    "strange",
    [
        {"stem.weight": torch.zeros(2)},
        {"stem.weight": torch.zeros(2), "head.weight": torch.zeros(5, 64)},
    ],
)
def test_a_file_where_nothing_fits_is_refused_with_both_kinds_of_names(load, strange):
    message = (
        r"no weights of this network; wanted names such as encoder\.cls_token, .*, \.\.\. \(69\), "
        r"found .*stem\.weight"
    )
    with pytest.raises(InputError, match=message):
        load(tiny(), strange)


def test_a_file_without_any_tensor_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "weights.pth")
    with pytest.raises(InputError, match="no weights of this network; .* found none"):
        load_pretrained(tiny(), tmp_path / "weights.pth")
