"""Files of weights as the baselines' authors publish them, by their own names."""

import re
import warnings

import pytest
import torch
from torch import nn

from rostfine.errors import InputError
from rostfine.model_params import (
    I3DParams,
    R2Plus1DParams,
    R3DParams,
    ResNetParams,
    SlowFastParams,
    VGGParams,
    ViViTParams,
    X3DParams,
)
from rostfine.models import build_model
from rostfine.models.pretrained import load_pretrained
from rostfine.models.pytorchvideo_nets import SIZES
from rostfine.models.weight_layouts import layout_of
from rostfine.params import InputParams
from rostfine.variants import PAPER, PUBLISHED

# Each with the fewest frames that fill its window.
VIDEO_NETS = {
    "r3d": (R3DParams("r3d", "tiny", None, 0.5), 10),
    "r2plus1d": (R2Plus1DParams("r2plus1d", "tiny", None, 0.5), 16),
    "i3d": (I3DParams("i3d", "tiny", None, 0.5), 10),
    "x3d": (X3DParams("x3d", "tiny", None, 0.5), 16),
    "slowfast": (SlowFastParams("slowfast", "tiny", None, 0.5), 32),
}
VIVIT = ViViTParams("vivit", "tiny", 0.1, None)
INPUT = InputParams(frames=8, image_px=32, speed=None)


def hub_of():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorchvideo.models import hub
    return hub


def their_net(name: str, size: str, classes: int) -> nn.Module:
    """The network as pytorchvideo itself builds it, but as shallow as the tiny one."""
    known = SIZES[name][size]
    settings = {key: value for key, value in known.settings.items() if key != "inner_act"}
    net = getattr(hub_of(), known.hub)(pretrained=False, model_num_class=classes, **settings)
    if known.shallow:
        for stage in net.modules():
            if hasattr(stage, "res_blocks"):
                stage.res_blocks = stage.res_blocks[:1]
    return net.eval()


def move(model: nn.Module) -> nn.Module:
    """Weights and running means unlike those of any fresh model."""
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point() and "running_var" not in name:
                value += 0.05 * torch.randn_like(value)
    return model


@pytest.mark.parametrize("name", VIDEO_NETS)
@torch.no_grad()
def test_a_hub_file_gives_the_predictions_of_the_network_that_it_is_of(name, tmp_path):
    torch.manual_seed(0)
    params, frames = VIDEO_NETS[name]
    theirs = move(their_net(name, "tiny", 5))
    torch.save({"model_state": theirs.state_dict(), "epoch": 3}, tmp_path / "NET.pyth")
    ours = build_model(params, InputParams(frames, 224, None), PUBLISHED).eval()
    report = load_pretrained(ours, tmp_path / "NET.pyth")
    assert report.layout == "pytorchvideo"
    assert report.fresh + report.ignored + report.resized == ()
    clip = torch.randn(1, 3, frames, 224, 224)
    given = clip if name != "slowfast" else ours.encoder.given(clip)
    wanted = theirs(given)
    assert wanted.std() > 1e-4
    torch.testing.assert_close(ours(clip).logits[0], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", VIDEO_NETS)
def test_every_name_of_a_published_size_has_its_place(name):
    (size,) = SIZES[name].keys() - {"tiny"}
    kind = type(VIDEO_NETS[name][0])
    with torch.device("meta"):
        theirs = their_net(name, size, 5).state_dict()
        ours = build_model(kind(name, size, None, 0.5), INPUT).state_dict()
    layout = layout_of(theirs)
    assert {layout.rename(key): value.shape for key, value in theirs.items()} == {
        key: value.shape for key, value in ours.items()
    }


@pytest.mark.parametrize("name", VIDEO_NETS)
def test_a_head_of_400_classes_is_left_out(name, tmp_path):
    theirs = their_net(name, "tiny", 400)
    torch.save({"model_state": theirs.state_dict()}, tmp_path / "NET.pyth")
    ours = build_model(VIDEO_NETS[name][0], INPUT, PAPER)
    report = load_pretrained(ours, tmp_path / "NET.pyth")
    assert report.fresh == ("head.linear.weight", "head.linear.bias")
    assert [key.rpartition(".")[0][-4:] for key in report.ignored] == ["proj", "proj"]


def test_a_deeper_network_is_refused(tmp_path):
    deeper = {f"blocks.1.res_blocks.{n}.branch1_norm.weight": torch.ones(32) for n in range(3)}
    theirs = their_net("r3d", "tiny", 5).state_dict() | deeper
    torch.save({"model_state": theirs}, tmp_path / "NET.pyth")
    with pytest.raises(InputError, match=r"no place: encoder\.blocks\.1\.res_blocks\.1\..* "):
        load_pretrained(build_model(VIDEO_NETS["r3d"][0], INPUT), tmp_path / "NET.pyth")


def test_the_file_of_another_network_is_refused(tmp_path):
    torch.save({"model_state": their_net("x3d", "tiny", 5).state_dict()}, tmp_path / "NET.pyth")
    with pytest.raises(InputError, match=r"blocks\.0\.norm\.weight: wanted \(8,\), found \(16,\)"):
        load_pretrained(build_model(VIDEO_NETS["r3d"][0], INPUT), tmp_path / "NET.pyth")


@pytest.mark.parametrize(
    ("params", "head"),
    [
        (VGGParams("vgg16", "tiny", None), "classifier.0"),
        (ResNetParams("resnet", "tiny", None), "fc"),
    ],
)
def test_a_torchvision_file_loads_but_for_its_head(params, head, tmp_path):
    torch.manual_seed(0)
    source, ours = move(build_model(params, INPUT)), build_model(params, INPUT)
    theirs = source.encoder.state_dict()
    classes = {f"{head}.weight": torch.ones(1000, 64), f"{head}.bias": torch.ones(1000)}
    torch.save(theirs | classes, tmp_path / "net.pth")
    report = load_pretrained(ours, tmp_path / "net.pth")
    assert report.layout == "torchvision"
    assert set(report.ignored) == classes.keys()
    assert all(torch.equal(ours.encoder.state_dict()[key], theirs[key]) for key in theirs)
    assert all(key.startswith(("head.", "hidden.")) for key in report.fresh)


@pytest.mark.parametrize("name", ["vgg16", "resnet50"])
def test_every_encoder_name_of_torchvision_has_its_place(name):
    import torchvision

    kind = VGGParams if name == "vgg16" else ResNetParams
    with torch.device("meta"):
        theirs = getattr(torchvision.models, name)(weights=None).state_dict()
        ours = build_model(kind(name.rstrip("50"), name, None), INPUT).state_dict()
    layout = layout_of(theirs)
    renamed = {layout.rename(key) for key in theirs}
    assert {key for key in ours if key.startswith("encoder.")} <= renamed


THEIRS = {  # the parts of a block, by the names of VideoTransformer-pytorch
    "norm1": "attentions.0.norm",
    "attn.qkv": "attentions.0.attn.qkv",
    "attn.proj": "attentions.0.attn.proj",
    "norm2": "ffns.0.norm",
    "mlp.fc1": "ffns.0.layers.0.0",
    "mlp.fc2": "ffns.0.layers.1",
}
OLDER = {"attn.qkv.": "attn.in_proj_", "attn.proj.": "attn.out_proj."}


STACKS = {"space": 0, "time": 1}


def vivit_name(ours: str, *, older: bool) -> str:
    if ours.startswith("head."):
        return ours.replace("head.linear", "cls_head.cls_head")
    name = ours.removeprefix("encoder.").replace("embed.proj", "embed.projection")
    if block := re.fullmatch(r"(space|time)\.(\d+)\.(.*)\.(weight|bias)", name):
        stack, number, part, leaf = block.groups()
        name = f"transformer_layers.{STACKS[stack]}.layers.{number}.{THEIRS[part]}.{leaf}"
    for new, old in OLDER.items() if older else ():
        name = name.replace(new, old)
    return f"model.{name}"


@pytest.mark.parametrize("older", [False, True])
def test_a_vivit_file_gives_every_weight_to_its_place(older, tmp_path):
    torch.manual_seed(0)
    source, ours = move(build_model(VIVIT, INPUT)), build_model(VIVIT, INPUT)
    theirs = {vivit_name(key, older=older): value for key, value in source.state_dict().items()}
    assert "model.transformer_layers.0.layers.2.ffns.0.layers.0.0.weight" in theirs
    torch.save({"state_dict": theirs}, tmp_path / "vivit.pth")
    report = load_pretrained(ours, tmp_path / "vivit.pth")
    assert report.fresh + report.ignored == ()
    assert all(torch.equal(v, source.state_dict()[k]) for k, v in ours.state_dict().items())


def test_the_times_of_vivit_are_resized_behind_that_of_its_class_token(tmp_path):
    source = build_model(VIVIT, INPUT)
    with torch.no_grad():
        source.encoder.time_embed[0] = torch.tensor([9.0, 0, 1, 2, 3])[:, None]
    torch.save(source.state_dict(), tmp_path / "ours.pth")
    ours = build_model(VIVIT, InputParams(frames=16, image_px=32, speed=None))
    report = load_pretrained(ours, tmp_path / "ours.pth")
    assert report.resized == ("encoder.time_embed",)
    times = ours.encoder.time_embed[0, :, 0].tolist()
    assert times == pytest.approx([9, 0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])
