"""The regressor: an encoder, any image network behind it, and three percentages."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import resnet

from rostfine.errors import InputError, ParamsError
from rostfine.models.autoencoder import Autoencoder
from rostfine.models.regressor import TORCHVISION, build_regressor, load_backbone

MEAN = (42.7, 27.7, 29.6)
# torchvision's documented counts of 1000 classes, less those of the classes, with three of our own.
PUBLISHED = {
    "resnet18": 11_689_512 - 513_000 + 1_539,
    "resnet34": 21_797_672 - 513_000 + 1_539,
    "resnet50": 25_557_032 - 2_049_000 + 6_147,
    "resnet101": 44_549_160 - 2_049_000 + 6_147,
    "resnet152": 60_192_808 - 2_049_000 + 6_147,
}


def counted(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


@pytest.mark.parametrize("name", TORCHVISION)
def test_a_backbone_has_the_published_weights_and_three_outputs(name):
    with torch.device("meta"):
        model = build_regressor(9, name, shares=False)
    assert counted(model.backbone) == PUBLISHED[name]
    # The encoder is that of the autoencoder, and nothing is counted twice.
    assert model.encoder.state_dict().keys() == Autoencoder(9).encoder.state_dict().keys()
    assert counted(model) == PUBLISHED[name] + counted(Autoencoder(9).encoder)


@pytest.mark.parametrize(
    ("name", "frames"),
    [("tiny", 1), ("tiny", 18), ("resnet18", 9), ("timm:mobilenetv3_small_050", 9)],
)
def test_each_kind_of_backbone_predicts_three_numbers_and_shares_sum_to_100(name, frames):
    stack = torch.rand(2, 1, frames, 64, 64)
    torch.manual_seed(0)
    shares = build_regressor(frames, name, shares=True).eval()(stack)
    assert shares.shape == (2, 3)
    assert shares.min() >= 0
    torch.testing.assert_close(shares.sum(dim=1), torch.full((2,), 100.0))
    torch.manual_seed(0)
    numbers = build_regressor(frames, name, shares=False).eval()(stack)
    # The same network says both.
    torch.testing.assert_close(shares, 100 * numbers.softmax(dim=1))
    assert (numbers.sum(dim=1) - 100).abs().min() > 1


@pytest.mark.parametrize("name", ["tiny", "timm:resnet10t"])
@pytest.mark.parametrize("shares", [True, False])
def test_before_it_is_trained_it_predicts_about_the_mean(name, shares):
    torch.manual_seed(0)
    model = build_regressor(9, name, shares=shares)
    before = model(torch.rand(4, 1, 9, 64, 64))
    model.start_at(MEAN)
    after = model(torch.rand(4, 1, 9, 64, 64))
    assert (after - torch.tensor(MEAN)).abs().max() < 3
    assert (before - torch.tensor(MEAN)).abs().max() > 4
    # And can still tell stacks apart.
    assert after.std(dim=0).min() > 0


def test_a_mean_of_zero_is_a_share_as_well():
    model = build_regressor(1, "tiny", shares=True)
    model.start_at((100.0, 0.0, 0.0))
    made = model(torch.rand(2, 1, 1, 16, 16))
    assert torch.isfinite(made).all()
    # Else no gradient would ever raise it.
    assert made.min() > 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet35", "wanted one of resnet18, .*, tiny or timm:NAME, got 'resnet35'"),
        ("Resnet34", "got 'Resnet34'"),
        ("", "got ''"),
        ("timm:nothing", "timm knows no nothing"),
        ("timm:", "timm knows no "),
        ("timm:resnet34.nothing", "timm knows no resnet34.nothing"),
    ],
)
def test_an_unknown_backbone_is_one_line(name, words):
    with pytest.raises(ParamsError, match=f"^regressor.backbone: .*{words}") as caught:
        build_regressor(9, name, shares=False)
    assert "\n" not in str(caught.value)


def file_of(tmp_path, net: nn.Module, *, suffix=".pth", without=()):
    weights = {k: v for k, v in net.state_dict().items() if not k.endswith(tuple(without))}
    path = tmp_path / f"weights{suffix}"
    save_file(weights, path) if suffix == ".safetensors" else torch.save(weights, path)
    return str(path), weights


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_of_a_thousand_classes_are_loaded_but_for_the_last_layer(tmp_path, suffix):
    torch.manual_seed(1)
    # As the oldest files are, which do not count batches.
    path, theirs = file_of(
        tmp_path, resnet.resnet18(), suffix=suffix, without=["num_batches_tracked"]
    )
    model = build_regressor(9, "resnet18", shares=False)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    load_backbone(model, path)
    for name, weight in model.backbone.state_dict().items():
        kept = name.startswith("fc.") or name not in theirs
        wanted = before[f"backbone.{name}"] if kept else theirs[name]
        assert torch.equal(weight, wanted), name
    assert not torch.equal(before["backbone.conv1.weight"], theirs["conv1.weight"])
    assert torch.equal(model.encoder[0].weight, before["encoder.0.weight"])


def test_the_last_layer_is_known_by_its_place_not_by_its_name(tmp_path):
    path, theirs = file_of(tmp_path, build_regressor(9, "tiny", shares=False).backbone)
    model = build_regressor(9, "tiny", shares=False)
    last = model.backbone[-1].weight.clone()
    load_backbone(model, path)
    assert torch.equal(model.backbone[0].weight, theirs["0.weight"])
    assert torch.equal(model.backbone[-1].weight, last)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        # All that there is in it fits; what it lacks would stay as it was drawn.
        (resnet.BasicBlock, "layer1.1.conv1.weight: wanted 64x64x3x3, got none of this name; "),
        (resnet.Bottleneck, "layer1.0.conv1.weight: wanted 64x64x3x3, got 64x64x1x1; "),
    ],
)
def test_weights_of_another_network_are_one_line_with_names(tmp_path, block, words):
    path, _ = file_of(tmp_path, resnet.ResNet(block, [1, 1, 1, 1]))
    model = build_regressor(9, "resnet18", shares=False)
    before = model.backbone.conv1.weight.clone()
    with pytest.raises(InputError) as caught:
        load_backbone(model, path)
    (line,) = caught.value.faults
    assert line.startswith(f"{path}: weights of another network: {words}")
    assert line.count("; ") == 3
    assert " more" in line.rsplit("; ", 1)[1]
    assert torch.equal(model.backbone.conv1.weight, before)
