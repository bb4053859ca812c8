"""The models of `params.yaml`: one frozen dataclass for each kind, known by its `name`.

Every one has its published `size`, by the name that its authors gave it, and a `tiny` one to try
things with; `pretrained` is null or a file of weights under their published names.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from rostfine.parsing import Between, Count, Share


@dataclass(frozen=True)
class VGGParams:
    """VGG on the first frame: what can be seen without any motion."""

    name: Literal["vgg16"]
    size: Literal["vgg16", "tiny"]
    pretrained: str | None


@dataclass(frozen=True)
class ResNetParams:
    """A ResNet on each frame by itself, and the mean over the frames."""

    name: Literal["resnet"]
    size: Literal["resnet50", "tiny"]
    pretrained: str | None


@dataclass(frozen=True)
class R3DParams:
    """A ResNet whose convolutions also reach over time: the slow pathway of SlowFast."""

    name: Literal["r3d"]
    size: Literal["slow_r50", "tiny"]
    pretrained: str | None
    dropout: Share  # of the features, before the last linear layer


@dataclass(frozen=True)
class R2Plus1DParams:
    """A ResNet of convolutions in space, each followed by one in time."""

    name: Literal["r2plus1d"]
    size: Literal["r2plus1d_r50", "tiny"]
    pretrained: str | None
    dropout: Share


@dataclass(frozen=True)
class I3DParams:
    """A ResNet inflated from images to video."""

    name: Literal["i3d"]
    size: Literal["i3d_r50", "tiny"]
    pretrained: str | None
    dropout: Share


@dataclass(frozen=True)
class X3DParams:
    """A thin network that was expanded along time, space, width and depth in turn."""

    name: Literal["x3d"]
    size: Literal["x3d_m", "tiny"]
    pretrained: str | None
    dropout: Share


@dataclass(frozen=True)
class SlowFastParams:
    """A wide pathway on every fourth frame, and a narrow one on all."""

    name: Literal["slowfast"]
    size: Literal["slowfast_r50", "tiny"]
    pretrained: str | None
    dropout: Share


@dataclass(frozen=True)
class ViViTParams:
    """ViViT with a factorised encoder: attention in space, and then in time."""

    name: Literal["vivit"]
    size: Literal["vivit_b", "tiny"]  # rostfine.models.vivit.SIZES
    drop_path: float
    pretrained: str | None


@dataclass(frozen=True)
class TimeSformerParams:
    """TimeSformer with divided space-time attention."""

    name: Literal["timesformer"]
    size: Literal["vit_b", "tiny"]  # rostfine.models.timesformer.SIZES
    drop_path: float
    pretrained: str | None  # a file of weights, or timm:NAME of an image transformer


@dataclass(frozen=True)
class RoSTFineParams:
    """TimeSformer with patch selection and the two role-separated branches."""

    name: Literal["rostfine"]
    size: Literal["vit_b", "tiny"]
    drop_path: float
    pretrained: str | None
    # Last layers whose attention is summed to choose patches; None: 2 (eq. 4), or 1 as published
    attention_layers: Count | None
    top_k: Count  # K: patches chosen in each frame
    branch_depth: Count  # L: attention blocks of FGS and of FGT
    branch_heads: Count  # H
    use_feat: tuple[Literal["g", "s", "t"], ...]  # features that predict: v_g, v_s, v_t
    # A head for each feature and the mean of what they predict, or one head on all of them
    aggregation: Literal["separate", "concat", "sum"]


VideoNetParams = R3DParams | R2Plus1DParams | I3DParams | X3DParams | SlowFastParams

ModelParams = (
    VGGParams
    | ResNetParams
    | R3DParams
    | R2Plus1DParams
    | I3DParams
    | X3DParams
    | SlowFastParams
    | ViViTParams
    | TimeSformerParams
    | RoSTFineParams
)


@dataclass(frozen=True)
class HeadNetParams:
    """The network that finds heads: torchvision's Mask R-CNN."""

    backbone: Literal["resnet101-fpn", "resnet50-fpn-v2", "resnet18-fpn"]
    pretrained: str | None  # a file of weights: of all of it (COCO), or of its ResNet (ImageNet)
    norm: Literal["frozen", "batch"]  # frozen: as published, for weights that were trained before
    width: Count  # channels of the feature pyramid and of the masks' layers; 256 as published
    image_px: Annotated[int, Between(64.0)]  # the longer side; the shorter one is padded to it
    anchors: Literal["fitted", "published"]  # fitted: to the heads of the training pictures
    rois: Count  # places of each picture from which the heads are learnt; 200 as published
    score: Share  # of the least sure instance that counts
    nms: Share  # overlap (IoU) of two boxes of which only the surer is kept
    detections: Annotated[int, Between(1.0, 100.0)]  # per picture, at most; COCO counts no more
