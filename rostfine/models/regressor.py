"""Three percentages from a stack of frames: a feature image, and an image network on it.

Thambawita et al. 2019 (see `rostfine.visem`), section 2.2.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rostfine.errors import InputError, ParamsError
from rostfine.models.autoencoder import FEATURE_CHANNELS, hourglass
from rostfine.models.optional import import_nets
from rostfine.models.resnet import SIZES
from rostfine.models.weight_files import TIMM, read_weights

OUTPUTS: Final = 3
TORCHVISION: Final = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
COUNTER: Final = "num_batches_tracked"
NONE: Final = "none of this name"
SHOWN: Final = 3
PERCENT: Final = 100.0


class FeatureRegressor(nn.Module):
    """An encoder of feature images, a backbone on them, and three numbers from its last layer."""

    def __init__(self, frames: int, backbone: nn.Module, last: nn.Linear, *, shares: bool) -> None:
        super().__init__()
        self.encoder = hourglass(frames, FEATURE_CHANNELS)
        self.backbone = backbone
        self._last = [last]  # a list, so that it is not registered a second time
        self.shares = shares

    def forward(
        self, stack: Float[Tensor, "batch 1 frame row col"], speed: None = None
    ) -> Float[Tensor, "batch 3"]:
        """Predict percentages; shares sum to 100."""
        said: Tensor = self.backbone(self.encoder(stack.squeeze(1))).float()
        return PERCENT * said.softmax(dim=-1) if self.shares else said

    @property
    def last_name(self) -> str:
        """How the names of the last layer's weights begin, in the backbone."""
        (last,) = self._last
        return next(f"{n}." for n, layer in self.backbone.named_modules() if layer is last)

    @torch.no_grad()
    def start_at(self, percentages: Sequence[float]) -> None:
        """Let the untrained model predict about these, so that it need not learn their size."""
        wanted = torch.tensor(percentages)
        bias = (wanted.clamp_min(0.1) / PERCENT).log() if self.shares else wanted
        (last,) = self._last
        last.weight.mul_(0.1)
        last.bias.copy_(bias)


def build_regressor(frames: int, backbone: str, *, shares: bool) -> FeatureRegressor:
    """Build a regressor with fresh weights.

    `backbone` is a ResNet of torchvision, `timm:NAME`, or `tiny`. Raises ParamsError if it is none.
    """
    net = _build_backbone(backbone)
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Linear)]
    if not layers or layers[-1].out_features != OUTPUTS:
        raise ParamsError(
            f"regressor.backbone: wanted a network with a linear head, got {backbone}"
        )
    return FeatureRegressor(frames, net, layers[-1], shares=shares)


def load_backbone(model: FeatureRegressor, source: str) -> None:
    """Load weights of ImageNet into the backbone, all but the last layer.

    Raises InputError naming weights of another network.
    """
    here = model.backbone.state_dict()
    weights = {k: v for k, v in read_weights(source).items() if not k.startswith(model.last_name)}
    wanted, found = _compared(here, model.last_name), _compared(weights, model.last_name)
    other = [
        f"{name}: wanted {wanted.get(name, NONE)}, got {found.get(name, NONE)}"
        for name in wanted | found
        if wanted.get(name) != found.get(name)
    ]
    if other:
        more = [f"and {len(other) - SHOWN} more"] if len(other) > SHOWN else []
        said = "; ".join(other[:SHOWN] + more)
        raise InputError(f"{source}: weights of another network: {said}")
    # Old files do not count batches.
    model.backbone.load_state_dict(weights, strict=False)


def _compared(weights: Mapping[str, Tensor], last_name: str) -> dict[str, str]:
    """Return the shapes of all weights by which networks are told apart."""
    return {
        name: "x".join(map(str, weight.shape))
        for name, weight in weights.items()
        if not name.startswith(last_name) and not name.endswith(COUNTER)
    }


def _build_backbone(name: str) -> nn.Module:
    if name.startswith(TIMM):
        return _from_timm(name.removeprefix(TIMM))
    resnet = import_nets("torchvision.models.resnet", network="the regressor's backbone")
    if name == "tiny":
        size = SIZES["tiny"]
        layers = [*size.layers(resnet).values(), nn.Flatten()]
        return nn.Sequential(*layers, nn.Linear(size.dim, OUTPUTS))
    if name not in TORCHVISION:
        raise ParamsError(
            f"regressor.backbone: wanted one of {', '.join(TORCHVISION)}, tiny or {TIMM}NAME, "
            f"got {name!r}"
        )
    net: Any = getattr(resnet, name)(weights=None, num_classes=OUTPUTS)
    return net  # type: ignore[no-any-return]


def _from_timm(name: str) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise ParamsError(
            f"regressor.backbone: {TIMM}{name} wanted the package timm, which is not installed; "
            "pip install 'rostfine[timm]' brings it"
        ) from error
    try:
        net: nn.Module = timm.create_model(name, num_classes=OUTPUTS)
    except (RuntimeError, ValueError) as error:
        raise ParamsError(f"regressor.backbone: timm knows no {name}: {error}") from error
    return net
