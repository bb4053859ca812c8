"""What each baseline makes of a clip, and what is wrong with it as published."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from rostfine.errors import ParamsError
from rostfine.model_params import (
    R2Plus1DParams,
    R3DParams,
    ResNetParams,
    SlowFastParams,
    VGGParams,
    ViViTParams,
    X3DParams,
)
from rostfine.models import build_experiment, build_model
from rostfine.models.averaged import Averaged
from rostfine.models.pytorchvideo_nets import Window, slow_frames
from rostfine.params import InputParams, load_params
from rostfine.variants import PAPER, PUBLISHED, Variant

SMALL = Path(__file__).parents[3] / "params.small.yaml"
INPUT = InputParams(frames=8, image_px=32, speed=None)
SOFTMAXED = [R2Plus1DParams("r2plus1d", "tiny", None, 0.5), X3DParams("x3d", "tiny", None, 0.5)]
VIVIT = ViViTParams("vivit", "tiny", 0.1, None)


def build(params, variant=PAPER):
    torch.manual_seed(0)
    return build_model(params, INPUT, variant).eval()


@pytest.fixture
def clips() -> torch.Tensor:
    return torch.randn(3, 3, 8, 32, 32, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_vgg_sees_the_first_frame_alone(clips):
    model, others = build(VGGParams("vgg16", "tiny", None)), clips.clone()
    others[:, :, 1:] += 1
    wanted = model(clips).logits
    assert torch.equal(model(others).logits, wanted)
    assert not torch.equal(model(clips.flip(2)).logits, wanted)


@torch.no_grad()
def test_a_resnet_gives_the_mean_of_the_logits_of_each_frame(clips):
    model = build(ResNetParams("resnet", "tiny", None))
    each = torch.stack([model(frame[:, :, None]).logits for frame in clips.unbind(2)])
    torch.testing.assert_close(model(clips).logits, each.mean(dim=0), rtol=0, atol=1e-5)


def test_the_slow_pathway_sees_every_fourth_frame_from_the_first_to_the_last():
    assert slow_frames(32) == [0, 4, 8, 13, 17, 22, 26, 31]  # as published
    assert slow_frames(16) == [0, 5, 10, 15]
    assert slow_frames(4) == [0]


@torch.no_grad()
def test_slowfast_takes_16_frames_as_4_slow_ones(clips):
    model = build(SlowFastParams("slowfast", "tiny", None, 0.5))
    slow, fast = model.encoder.given(torch.cat([clips, clips], dim=2))
    assert (slow.shape[2], fast.shape[2]) == (4, 16)
    assert torch.equal(slow[:, :, 3], clips[:, :, 7])


def test_windows_are_as_long_as_trained_or_the_whole_clip():
    ramp = torch.arange(16.0).view(1, 1, 16, 1, 1).expand(1, 1, 16, 7, 7)
    assert Window(8, 7)(ramp).flatten().tolist() == [3.5 + start for start in range(9)]
    assert Window(8, 7)(ramp[:, :, :4, :2, :2]).flatten().tolist() == [1.5]
    assert Window(None, 7)(ramp).flatten().tolist() == [7.5]


@pytest.mark.parametrize("params", SOFTMAXED)
@torch.no_grad()
def test_a_second_softmax_keeps_every_probability_between_0_149_and_0_405(params, clips):
    switched = build(params, Variant(double_softmax=True))
    model = build(params)
    for one in (switched, model):
        one.head.linear.weight *= 1000  # as sure of itself as can be
    least, most = 1 / (4 + torch.e), torch.e / (4 + torch.e)
    found = switched(clips).distribution
    assert found.min() >= least - 1e-6
    assert found.max() <= most + 1e-6
    assert model(clips).distribution.max() > most


@torch.no_grad()
def test_the_second_softmax_is_of_each_window_before_their_mean():
    model = Averaged(torch.nn.Identity(), 4, with_speed=False, softmax_inside=True).eval()
    windows = 5 * torch.randn(2, 3, 4)
    wanted = model.head.linear(windows).softmax(dim=-1).mean(dim=1)
    torch.testing.assert_close(model.predict_from(windows).logits[0], wanted)


@torch.no_grad()
def test_the_second_softmax_is_a_fault_of_two_networks_only(clips):
    for params in (R3DParams("r3d", "tiny", None, 0.5), VGGParams("vgg16", "tiny", None)):
        assert torch.equal(build(params, PUBLISHED)(clips).logits, build(params)(clips).logits)


@torch.no_grad()
def test_vivit_predicts_a_clip_from_others_only_as_published(clips):
    others = torch.cat([clips[1:2], clips[1:]])
    for variant, depends in ((PAPER, False), (Variant(batch_dependent_vivit=True), True)):
        model = build(VIVIT, variant)
        change = (model(clips).logits - model(others).logits)[:, 2].abs().max()
        assert bool(change > 1e-3) == depends


@torch.no_grad()
def test_vivit_as_published_predicts_the_same_of_a_clip_that_is_alone(clips):
    wanted = build(VIVIT)(clips[1:2]).logits
    assert torch.equal(build(VIVIT, PUBLISHED)(clips[1:2]).logits, wanted)


@torch.no_grad()
def test_vivit_sees_the_order_of_pairs_of_frames(clips):
    model = build(VIVIT)
    model.encoder.time_embed.normal_()
    swapped = clips[:, :, [0, 1, 4, 5, 2, 3, 6, 7]]
    assert (model(swapped).logits - model(clips).logits).abs().max() > 1e-4


@torch.no_grad()
def test_vivit_resizes_its_times_to_other_clips_but_for_that_of_the_class_token():
    short, long = build(VIVIT), build_model(VIVIT, replace(INPUT, frames=16)).eval()
    for model in (short, long):
        model.encoder.time_embed.zero_()[0, 0, ::2] = 3.0
    rest = {key: w for key, w in short.state_dict().items() if "time_embed" not in key}
    long.load_state_dict(rest, strict=False)
    clip = torch.randn(1, 3, 16, 32, 32)
    torch.testing.assert_close(short(clip).logits, long(clip).logits, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("params", "package"),
    [
        (VGGParams("vgg16", "tiny", None), "torchvision"),
        (ResNetParams("resnet", "tiny", None), "torchvision"),
        (R3DParams("r3d", "tiny", None, 0.5), "pytorchvideo"),
    ],
)
def test_a_network_that_is_not_installed_names_the_extra_that_brings_it(
    params, package, monkeypatch
):
    for module in (
        "torchvision.models.vgg",
        "torchvision.models.resnet",
        "pytorchvideo.models.hub",
    ):
        monkeypatch.setitem(sys.modules, module, None)
    message = (
        rf"^model\.name: {params.name} needs the package {package}, .*'rostfine\[video-nets\]'"
    )
    with pytest.raises(ParamsError, match=message):
        build(params)


def test_only_transformers_can_checkpoint_their_activations():
    small = load_params(SMALL).experiments["rostfine"]
    fit = replace(small.fit, checkpoint_activations=True)
    asking = replace(small, fit=fit, input=INPUT)
    with pytest.raises(ParamsError, match="checkpoint_activations: wanted false with r3d"):
        build_experiment(replace(asking, model=R3DParams("r3d", "tiny", None, 0.5)))
    assert build_experiment(replace(asking, model=VIVIT)).encoder.checkpoint_activations
    assert not build_experiment(replace(small, model=VIVIT)).encoder.checkpoint_activations


def test_an_experiment_without_attention_maps_is_not_explained(tmp_path):
    content = yaml.safe_load(SMALL.read_text())
    name = content["explain"]["experiments"][0]
    baseline = {"name": "vgg16", "size": "tiny", "pretrained": None}
    content["experiments"][name]["model"] = baseline
    content["experiments"][name]["loss"]["use_div"] = []
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ParamsError, match=r"explain\.experiments: wanted .* got one of vgg16$"):
        load_params(tmp_path / "params.yaml")
