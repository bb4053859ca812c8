"""A ResNet (He et al. 2016, arXiv:1512.03385) on each frame, as in the EMD paper.

All frames are looked at by themselves; what the one linear head makes of their mean feature is
the mean of the logits that it would give each. Layers are torchvision's, under the names of its
checkpoints.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from rostfine.model_params import ResNetParams
from rostfine.models.averaged import Averaged
from rostfine.models.optional import import_nets


class EachFrame(nn.Sequential):
    """The layers of an image network, and the features of each frame as a token."""

    def forward(
        self, clip: Float[Tensor, "batch 3 frame row col"]
    ) -> Float[Tensor, "batch frame dim"]:
        """Look at every frame by itself."""
        frames = rearrange(clip, "batch chan frame row col -> (batch frame) chan row col")
        for layer in self:
            frames = layer(frames)
        return rearrange(frames, "(batch frame) dim 1 1 -> batch frame dim", frame=clip.shape[2])


class ResNetSize(NamedTuple):
    """How to build the layers from torchvision's module, and how many features they make."""

    layers: Callable[[Any], Mapping[str, nn.Module]]
    dim: int


def build_resnet(params: ResNetParams, *, with_speed: bool) -> Averaged:
    """Build the network with fresh weights."""
    size = SIZES[params.size]
    encoder = EachFrame()
    resnet = import_nets("torchvision.models.resnet", network=params.name)
    for name, layer in size.layers(resnet).items():
        encoder.add_module(name, layer)
    return Averaged(encoder, size.dim, with_speed=with_speed)


def _resnet50(resnet: Any) -> Mapping[str, nn.Module]:
    return {n: layer for n, layer in resnet.resnet50(weights=None).named_children() if n != "fc"}


def _tiny(resnet: Any) -> Mapping[str, nn.Module]:
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(3, 16, kernel_size=5, stride=2, padding=2, bias=False),
        "bn1": nn.BatchNorm2d(16),
        "relu": nn.ReLU(inplace=True),
    }
    for number, (before, after) in enumerate([(16, 32), (32, 64), (64, 64)], start=1):
        skip = nn.Sequential(resnet.conv1x1(before, after, 2), nn.BatchNorm2d(after))
        layers[f"layer{number}"] = nn.Sequential(resnet.BasicBlock(before, after, 2, skip))
    return layers | {"avgpool": nn.AdaptiveAvgPool2d(1)}


SIZES: Final[Mapping[str, ResNetSize]] = {
    "resnet50": ResNetSize(_resnet50, 2048),
    "tiny": ResNetSize(_tiny, 64),
}
