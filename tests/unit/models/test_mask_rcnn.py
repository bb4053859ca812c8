import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18
from torchvision.models.detection import maskrcnn_resnet50_fpn, maskrcnn_resnet50_fpn_v2

from rostfine.errors import InputError
from rostfine.models.anchors import PUBLISHED, fit_anchors
from rostfine.models.mask_rcnn import LOSSES, HeadBatch, build_head_net
from rostfine.models.pretrained_heads import load_head_weights
from tests.unit.morphology.made import SMALL_NET

ANCHORS = fit_anchors(np.array([[30.0, 20.0], [20.0, 30.0], [25.0, 25.0]]))


def build(seed=0, **changes):
    torch.manual_seed(seed)
    return build_head_net(dataclasses.replace(SMALL_NET, **changes), 2, ANCHORS)


def batch(count=2):
    masks = torch.zeros(1, 80, 96, dtype=torch.uint8)
    masks[0, 20:40, 30:60] = 1
    target = {"boxes": torch.tensor([[30.0, 20.0, 60.0, 40.0]]), "labels": torch.tensor([1])}
    image = 60 + 120 * masks.expand(3, -1, -1)
    return HeadBatch((image,) * count, ({**target, "masks": masks},) * count)


def test_all_terms_of_the_loss_are_finite_and_reach_every_weight():
    net = build()
    terms = net.train()(batch())
    assert tuple(terms) == tuple(LOSSES)
    sum(terms.values()).backward()
    without = [name for name, weight in net.named_parameters() if weight.grad is None]
    assert not without
    assert all(torch.isfinite(weight.grad).all() for weight in net.parameters())


def test_a_picture_is_seen_the_same_alone_and_in_a_batch_and_boxes_are_in_its_pixels():
    net = build().eval()
    with torch.inference_mode():
        (alone,) = net(batch(1))
        first, second = net(batch(2))
    for one in (first, second):
        assert torch.allclose(one.boxes_px, alone.boxes_px, atol=1e-3)
        assert torch.allclose(one.masks, alone.masks, atol=1e-4)
    assert len(alone.scores) == 5
    assert alone.masks.shape == (5, 28, 28)
    assert float(alone.boxes_px[:, 2].max()) <= 96
    assert float(alone.boxes_px[:, 3].max()) <= 80


def test_the_loss_as_evaluation_sees_it_leaves_the_norms_as_they_are():
    net = build().train()
    net(batch())
    before = {k: v.clone() for k, v in net.state_dict().items()}
    terms = net.losses(batch())
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert not net.training
    assert all(torch.isfinite(term) for term in terms.values())


def test_the_mean_is_subtracted_twice_if_it_is_so_wanted():
    net = build().eval()
    seen = []
    net.net.transform.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    for net.mean_twice in (False, True):
        with torch.inference_mode():
            net(batch(1))
    (once,), (twice,) = seen
    mean = torch.tensor(net.net.transform.image_mean)[:, None, None]
    assert torch.allclose(once - twice, mean.expand_as(once))


@pytest.mark.parametrize(
    ("backbone", "wanted"),
    [("resnet50-fpn-v2", 45_885_793), ("resnet101-fpn", 62_867_681)],
)
def test_networks_have_the_weights_of_torchvisions_own(backbone, wanted):
    whole = dataclasses.replace(SMALL_NET, backbone=backbone, norm="batch", width=256, image_px=512)
    if backbone == "resnet101-fpn":
        whole = dataclasses.replace(whole, norm="frozen")
    net = build_head_net(whole, 2, PUBLISHED)
    assert sum(weight.numel() for weight in net.parameters()) == wanted


def test_torchvisions_whole_network_loads_by_its_own_names(tmp_path):
    theirs = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None, num_classes=91)
    save_file(theirs.state_dict(), tmp_path / "coco.safetensors")
    settings = dataclasses.replace(SMALL_NET, backbone="resnet50-fpn-v2", width=256)
    net = build_head_net(settings, 2, PUBLISHED)
    report = load_head_weights(net, tmp_path / "coco.safetensors")
    fresh = {name.split(".")[2] for name in report.fresh}
    assert fresh == {"box_predictor", "mask_predictor"}
    ours = net.state_dict()["net.backbone.body.layer4.2.conv3.weight"]
    assert torch.equal(ours, theirs.state_dict()["backbone.body.layer4.2.conv3.weight"])


def test_a_resnet_of_imagenet_loads_and_one_of_another_depth_does_not(tmp_path):
    theirs = resnet18(weights=None)
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    net = build()
    load_head_weights(net, tmp_path / "resnet18.pth")
    assert torch.equal(net.state_dict()["net.backbone.body.conv1.weight"], theirs.conv1.weight)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    other = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    save_file(other.state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="other.safetensors: weights of another network: its Res"):
        load_head_weights(net, tmp_path / "other.safetensors")
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())


def test_anchors_lie_around_the_median_head_on_the_level_whose_cells_suit_it():
    sides = np.array([[120.0, 60.0]] * 5 + [[60.0, 120.0]] * 5 + [[85.0, 85.0]])
    anchors = fit_anchors(sides)
    median = np.sqrt(120 * 60)
    # 85 px is 8 cells of 8 or 16 px: the second level of 4, 8, 16, 32, 64.
    assert anchors.sizes_px[1] == pytest.approx([0.7 * median, median, 1.4 * median], abs=0.1)
    assert anchors.sizes_px[2][1] == pytest.approx(2 * median, abs=0.1)
    assert anchors.ratios == (0.5, 1.0, 2.0)
