"""VGG16 (Simonyan and Zisserman 2015, arXiv:1409.1556) on the first frame: the lower bound.

Layers before the head are torchvision's, under the names of its checkpoints. The head is that of
the RoSTFine paper's baseline: 25088 features, 512, and the grades.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from jaxtyping import Float
from torch import Tensor, nn

from rostfine.model_params import VGGParams
from rostfine.models.averaged import Averaged
from rostfine.models.optional import import_nets

GRID: Final = 7
"""Side of what the features of any frame are pooled to."""


@dataclass(frozen=True)
class VggSize:
    """The channels of each convolution, "M" for a pooling, and the width of the hidden layer."""

    layers: tuple[int | str, ...]
    hidden: int


SIZES: Final[Mapping[str, VggSize]] = {
    "vgg16": VggSize(
        (64, 64, "M", 128, 128, "M", *(256,) * 3, "M", *(512,) * 3, "M", *(512,) * 3, "M"), 512
    ),
    "tiny": VggSize((8, "M", 16, "M", 32, "M"), 64),
}


class FirstFrame(nn.Module):
    """The features of a clip's first frame, as its only token."""

    def __init__(self, features: nn.Sequential) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d(GRID)
        for layer in features:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)

    def forward(
        self, clip: Float[Tensor, "batch 3 frame row col"]
    ) -> Float[Tensor, "batch 1 feature"]:
        """Look at the first frame alone."""
        grid: Tensor = self.avgpool(self.features(clip[:, :, 0]))
        return grid.flatten(1)[:, None]


def build_vgg(params: VGGParams, *, with_speed: bool) -> Averaged:
    """Build the network with fresh weights."""
    size = SIZES[params.size]
    vgg = import_nets("torchvision.models.vgg", network=params.name)
    encoder = FirstFrame(vgg.make_layers(list(size.layers)))
    inputs = GRID**2 * int(size.layers[-2])
    hidden = nn.Sequential(nn.Linear(inputs, size.hidden), nn.ReLU())
    return Averaged(encoder, size.hidden, with_speed=with_speed, hidden=hidden)
