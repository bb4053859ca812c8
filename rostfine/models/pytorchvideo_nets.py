"""The published video networks of pytorchvideo, whose checkpoints load by their own names.

The one door to pytorchvideo, which is an extra, and of which nothing but its models is used. What
its heads average is kept apart: windows as long as the network was trained on, or the whole clip
where that is shorter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from rostfine.model_params import VideoNetParams
from rostfine.models.averaged import Averaged
from rostfine.models.optional import import_nets
from rostfine.variants import Variant

ALPHA: Final = 4
"""The fast pathway of SlowFast sees so many times the frames of the slow one."""

SOFTMAX_INSIDE: Final = ("r2plus1d", "x3d")
"""Networks whose published heads end in a softmax, before another one is taken."""


@dataclass(frozen=True)
class NetSize:
    """A function of pytorchvideo.models.hub, what it is given, and whether stages are one block."""

    hub: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    shallow: bool = False


_THIN: Final = {"stem_dim_out": 8}
# The same function as its own efficient one, in a form that can be exported.
_X3D: Final = {"inner_act": nn.SiLU}

SIZES: Final[Mapping[str, Mapping[str, NetSize]]] = {
    "r3d": {"slow_r50": NetSize("slow_r50"), "tiny": NetSize("slow_r50", _THIN, shallow=True)},
    "r2plus1d": {
        "r2plus1d_r50": NetSize("r2plus1d_r50"),
        "tiny": NetSize("r2plus1d_r50", _THIN, shallow=True),
    },
    "i3d": {"i3d_r50": NetSize("i3d_r50"), "tiny": NetSize("i3d_r50", _THIN, shallow=True)},
    "x3d": {
        "x3d_m": NetSize("x3d_m", _X3D),
        "tiny": NetSize(
            "x3d_m",
            _X3D | {"width_factor": 1.0, "bottleneck_factor": 1.0, "head_dim_out": 128},
            shallow=True,
        ),
    },
    "slowfast": {
        "slowfast_r50": NetSize("slowfast_r50"),
        "tiny": NetSize("slowfast_r50", {"stem_dim_outs": (8, 1)}, shallow=True),
    },
}


class Window(nn.Module):
    """The mean over every window of some frames and pixels; over all there are where it is less.

    None stands for all frames.
    """

    def __init__(self, frames: int | None, side: int) -> None:
        super().__init__()
        self.frames, self.side = frames, side

    def forward(
        self, features: Float[Tensor, "batch dim frame row col"]
    ) -> Float[Tensor, "batch dim window_frame window_row window_col"]:
        """Average."""
        frames, rows, cols = features.shape[2:]
        window = (min(self.frames or frames, frames), min(self.side, rows), min(self.side, cols))
        return F.avg_pool3d(features, window, stride=1)


class VideoNet(nn.Module):
    """The blocks of a network up to its last linear layer, and the features of each window."""

    def __init__(self, blocks: nn.ModuleList) -> None:
        super().__init__()
        self.blocks = blocks

    def forward(
        self, clip: Float[Tensor, "batch 3 frame row col"]
    ) -> Float[Tensor, "batch window dim"]:
        """Pass all blocks."""
        features = self.given(clip)
        for block in self.blocks:
            features = block(features)
        tokens: Tensor = features.flatten(2).transpose(1, 2)
        return tokens

    def given(self, clip: Float[Tensor, "batch 3 frame row col"]) -> Any:
        """Return what enters the first block."""
        return clip


class SlowFastNet(VideoNet):
    """The same, for a network that is given the clip twice: some frames, and all of them."""

    def given(self, clip: Float[Tensor, "batch 3 frame row col"]) -> list[Tensor]:
        """Return what the slow and the fast pathway see."""
        return [clip[:, :, slow_frames(clip.shape[2])], clip]


def slow_frames(frames: int) -> list[int]:
    """Return the frames of the slow pathway: spread from first to last and rounded down."""
    count = -(-frames // ALPHA)
    return [number * (frames - 1) // max(count - 1, 1) for number in range(count)]


def build_video_net(params: VideoNetParams, variant: Variant, *, with_speed: bool) -> Averaged:
    """Build one of the networks of SIZES with fresh weights.

    Raises ParamsError if pytorchvideo is not installed.
    """
    size = SIZES[params.name][params.size]
    hub = import_nets("pytorchvideo.models.hub", network=params.name)
    blocks = getattr(hub, size.hub)(pretrained=False, **size.settings).blocks
    dim = _open_head(blocks)
    if size.shallow:
        _keep_first_blocks(blocks)
    kind = SlowFastNet if params.name == "slowfast" else VideoNet
    return Averaged(
        kind(blocks),
        dim,
        with_speed=with_speed,
        dropout=params.dropout,
        softmax_inside=variant.double_softmax and params.name in SOFTMAX_INSIDE,
    )


def _open_head(blocks: nn.ModuleList) -> int:
    """Leave of a head only its pooling, in windows that fit any clip; return how many features."""
    head: Any = blocks[-1]
    dim: int = head.proj.in_features
    head.dropout = head.proj = head.activation = head.output_pool = None
    _fit_windows(blocks)
    return dim


def _fit_windows(blocks: nn.ModuleList) -> None:
    pools = [
        (module, name, pool)
        for module in blocks.modules()
        for name, pool in module.named_children()
        if isinstance(pool, nn.AvgPool3d)
    ]
    for module, name, pool in pools:
        frames, side, _ = (int(length) for length in cast(tuple[int, ...], pool.kernel_size))
        # Two pathways are pooled over all of time, or they would have windows of other frames.
        setattr(module, name, Window(None if len(pools) > 1 else frames, side))


def _keep_first_blocks(blocks: nn.ModuleList) -> None:
    stages: list[Any] = [stage for stage in blocks.modules() if hasattr(stage, "res_blocks")]
    for stage in stages:
        stage.res_blocks = stage.res_blocks[:1]
