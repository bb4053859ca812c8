"""Mask R-CNN (He et al. 2017, arXiv:1703.06870) for sperm heads, of torchvision's parts.

What a picture is given to it as, and what it says of one, are `HeadBatch` and `Found`. Masks stay
small, as they are predicted, until somebody pastes them where he needs them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor, nn

from rostfine.model_params import HeadNetParams
from rostfine.models.anchors import Anchors
from rostfine.models.optional import import_nets

LOSSES: Final = {
    "class": "loss_classifier",
    "box": "loss_box_reg",
    "mask": "loss_mask",
    "rpn_class": "loss_objectness",
    "rpn_box": "loss_rpn_box_reg",
}
"""The terms of the loss, by our names and by torchvision's."""
INTENSITIES: Final = 255.0
LEAST_SCORE: Final = 0.05
"""Of what is found at all; what counts is decided by whoever asks."""
PROPOSALS: Final = 300
"""Places of a picture that are looked at closely; a picture has a few dozen heads."""
BEFORE_NMS: Final = 1000
"""Of each level of the pyramid, the likeliest places, before those that overlap are dropped."""
BOX_LAYERS: Final = 4
"""Features of a box's layers for each channel of the pyramid; 1024 for 256, as published."""
MASK_LAYERS: Final = 4
BACKGROUND: Final = 1


@dataclass(frozen=True)
class HeadBatch:
    """Pictures of any size, and, to be learnt from, the boxes, classes and masks in each.

    Classes count from 1; 0 is the background.
    """

    images: tuple[UInt8[Tensor, "3 _row _col"], ...]
    targets: tuple[Mapping[str, Tensor], ...] = ()

    def to(self, device: torch.device, *, non_blocking: bool = False) -> "HeadBatch":
        """Return the same on a device."""
        images = tuple(image.to(device, non_blocking=non_blocking) for image in self.images)
        targets = tuple({k: v.to(device) for k, v in one.items()} for one in self.targets)
        return HeadBatch(images, targets)


class Found(NamedTuple):
    """The instances found in a picture, the surest first.

    Each mask lies in its box, as probabilities.
    """

    boxes_px: Float32[Tensor, "instance 4"]
    classes: Int64[Tensor, " instance"]
    scores: Float32[Tensor, " instance"]
    masks: Float32[Tensor, "instance 28 28"]


class HeadNet(nn.Module):
    """Finds heads, calls each a class, and outlines it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net: Any = net
        # As the published code evaluates it: the mean of the pixels is subtracted once more.
        self.mean_twice = False

    def forward(
        self, batch: HeadBatch, speed: None = None
    ) -> Mapping[str, Float[Tensor, ""]] | list[Found]:
        """Return the terms of the loss while training, and what is found otherwise."""
        images = [image.float() / INTENSITIES for image in batch.images]
        if self.mean_twice:
            mean = images[0].new_tensor(self.net.transform.image_mean)[:, None, None]
            images = [image - mean for image in images]
        if self.training:
            terms = self.net(images, [dict(one) for one in batch.targets])
            return {name: terms[key] for name, key in LOSSES.items()}
        return [
            Found(one["boxes"], one["labels"], one["scores"], one["masks"][:, 0])
            for one in self.net(images)
        ]

    def losses(self, batch: HeadBatch) -> Mapping[str, Float[Tensor, ""]]:
        """Return the terms of the loss as evaluation sees them: norms are those that were learnt.

        Places to look at are drawn from torch's generator.
        """
        self.train()
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        try:
            terms: Mapping[str, Tensor] = self(batch)
        finally:
            self.eval()
        return terms


def build_head_net(params: HeadNetParams, classes: int, anchors: Anchors) -> HeadNet:
    """Build the network with fresh weights, for as many classes beside the background."""
    detection = _import("")
    shared = _shared_settings(params, anchors)
    backbone = _backbone(params)
    if params.backbone == "resnet50-fpn-v2":
        shared |= _v2_heads(params, classes, len(anchors.ratios) * len(anchors.sizes_px[0]))
    else:
        shared |= _heads(params, classes)
    net = detection.MaskRCNN(backbone, **shared)
    net.transform.postprocess = _unpasted
    return HeadNet(net)


def _import(module: str) -> Any:
    name = f"torchvision.models.detection{module}"
    return import_nets(name, network="Mask R-CNN")


def _shared_settings(params: HeadNetParams, anchors: Anchors) -> dict[str, Any]:
    generator = _import(".anchor_utils").AnchorGenerator(
        anchors.sizes_px, (anchors.ratios,) * len(anchors.sizes_px)
    )
    return {
        "min_size": params.image_px,
        "max_size": params.image_px,
        "size_divisible": params.image_px,
        "rpn_anchor_generator": generator,
        "rpn_pre_nms_top_n_train": BEFORE_NMS,
        "rpn_pre_nms_top_n_test": BEFORE_NMS,
        "rpn_post_nms_top_n_test": PROPOSALS,
        "box_batch_size_per_image": params.rois,
        "box_positive_fraction": 1 / 3,
        "box_score_thresh": LEAST_SCORE,
        "box_nms_thresh": params.nms,
        "box_detections_per_img": params.detections,
    }


def _backbone(params: HeadNetParams) -> nn.Module:
    resnet = import_nets("torchvision.models.resnet", network="Mask R-CNN")
    ops = import_nets("torchvision.ops", network="Mask R-CNN")
    norm = ops.FrozenBatchNorm2d if params.norm == "frozen" else nn.BatchNorm2d
    body = getattr(resnet, params.backbone.split("-")[0])(weights=None, norm_layer=norm)
    stages = {f"layer{number}": str(number - 1) for number in range(1, 5)}
    channels = [body.inplanes // 2**down for down in (3, 2, 1, 0)]
    in_pyramid = nn.BatchNorm2d if params.backbone.endswith("v2") else None
    made: nn.Module = _import(".backbone_utils").BackboneWithFPN(
        body, stages, channels, params.width, norm_layer=in_pyramid
    )
    return made


def _heads(params: HeadNetParams, classes: int) -> dict[str, Any]:
    faster, masks = _import(".faster_rcnn"), _import(".mask_rcnn")
    width, dim = params.width, BOX_LAYERS * params.width
    outputs = classes + BACKGROUND
    return {
        "box_head": faster.TwoMLPHead(width * 7**2, dim),
        "box_predictor": faster.FastRCNNPredictor(dim, outputs),
        "mask_head": masks.MaskRCNNHeads(width, [width] * MASK_LAYERS, 1),
        "mask_predictor": masks.MaskRCNNPredictor(width, width, outputs),
    }


def _v2_heads(params: HeadNetParams, classes: int, anchors: int) -> dict[str, Any]:
    """Return the deeper heads with norms (Li et al. 2021, arXiv:2111.11429)."""
    faster, masks, rpn = _import(".faster_rcnn"), _import(".mask_rcnn"), _import(".rpn")
    width, dim = params.width, BOX_LAYERS * params.width
    box_head = faster.FastRCNNConvFCHead(
        (width, 7, 7), [width] * MASK_LAYERS, [dim], norm_layer=nn.BatchNorm2d
    )
    mask_head = masks.MaskRCNNHeads(width, [width] * MASK_LAYERS, 1, norm_layer=nn.BatchNorm2d)
    return _heads(params, classes) | {
        "rpn_head": rpn.RPNHead(width, anchors, conv_depth=2),
        "box_head": box_head,
        "mask_head": mask_head,
    }


def _unpasted(
    found: list[dict[str, Tensor]],
    seen: Sequence[tuple[int, int]],
    pictures: Sequence[tuple[int, int]],
) -> list[dict[str, Tensor]]:
    """Bring boxes back to the pictures' own pixels, and leave masks as small as they are."""
    resize = _import(".transform").resize_boxes
    for one, here, there in zip(found, seen, pictures, strict=False):
        if "boxes" in one:
            one["boxes"] = resize(one["boxes"], here, there)
    return found
