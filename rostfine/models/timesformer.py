"""TimeSformer with divided space-time attention (Bertasius et al. 2021, arXiv:2102.05095).

Names of parameters are those of the published checkpoints, so loading one is a matter of names.

A clip travels as one class token and patch tokens on the axes (patch, frame), which is the order
of the published sequence 1 + patch * frames + frame. In each block every patch attends to itself
in the other frames, then every frame attends within itself together with a copy of the class
token; the class token takes the mean of what its copies gathered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from rostfine.models.divided import NORM_EPS, Attended, Block, Chosen, Tokens, VitSize
from rostfine.models.layers import Head, PatchEmbed
from rostfine.models.outputs import Maps, ModelOutput

T = TypeVar("T")

INIT_STD: Final = 0.02

SIZES: Final[Mapping[str, VitSize]] = {
    "vit_b": VitSize(dim=768, depth=12, heads=12, patch_px=16, mlp_ratio=4),
    "tiny": VitSize(dim=64, depth=3, heads=2, patch_px=8, mlp_ratio=2),
}

ChooseFrom = Callable[[Sequence[Tensor]], Tensor]
"""From the class token's attention in several layers to the patches chosen in each frame."""


@dataclass(frozen=True)
class Encoded:
    """All tokens of a clip (eq. 3), and how much the class token attends to each patch.

    `attention` holds one entry for each of the last layers asked for, the deepest last, summed
    over heads. `maps` are there only if asked for.
    """

    cls: Float[Tensor, "batch dim"]
    patches: Float[Tensor, "batch patch frame dim"]
    attention: tuple[Float[Tensor, "batch frame patch"], ...]
    maps: Maps | None


class Encoder(nn.Module):
    """TimeSformer without its head.

    With `checkpoint_activations`, training keeps only what enters each block and computes the rest
    again on the way back.
    """

    def __init__(self, size: VitSize, *, frames: int, image_px: int, drop_path: float) -> None:
        super().__init__()
        self.size = size
        self.checkpoint_activations = False
        patches = (image_px // size.patch_px) ** 2
        self.patch_embed = PatchEmbed(size.dim, size.patch_px)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size.dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + patches, size.dim))
        self.time_embed = nn.Parameter(torch.zeros(1, frames, size.dim))
        # From none in the first block to all of it in the last.
        rates = [drop_path * depth / max(size.depth - 1, 1) for depth in range(size.depth)]
        self.blocks = nn.ModuleList(Block(size, rate) for rate in rates)
        self.norm = nn.LayerNorm(size.dim, eps=NORM_EPS)
        self._initialise()

    def forward(
        self,
        clip: Float[Tensor, "batch 3 frame row col"],
        *,
        scored_layers: int = 0,
        maps: bool = False,
    ) -> Encoded:
        """Encode a clip of any size, with the attention of the last `scored_layers` layers.

        Position and time embeddings are resized to the clip where it differs from what they were
        made for.
        """
        tokens, attended = self._through(self.embed(clip), self.size.depth, scored_layers, maps)
        return Encoded(
            self.norm(tokens.cls),
            self.norm(tokens.patches),
            tuple(layer.scores for layer in attended if layer.scores is not None),
            _stack_maps(attended) if maps else None,
        )

    def forward_chosen(
        self,
        clip: Float[Tensor, "batch 3 frame row col"],
        choose: ChooseFrom | None = None,
        *,
        scored_layers: int = 0,
    ) -> Chosen:
        """Encode a clip, but of the last block only what is read: class token and chosen patches.

        `choose` is given the attention of the last `scored_layers` layers; without it the class
        token is all. The same numbers as of `forward`, for a twentieth less work.
        """
        depth = self.size.depth - 1
        tokens, attended = self._through(self.embed(clip), depth, scored_layers - 1, maps=False)
        before = [layer.scores for layer in attended if layer.scores is not None]
        last = self.blocks[-1]
        assert isinstance(last, Block)
        choose_last = None if choose is None else lambda scores: choose([*before, scores])
        chosen = self._spared(last.forward_chosen)(tokens, choose_last)
        return Chosen(self.norm(chosen.cls), self.norm(chosen.tokens), chosen.selected)

    def embed(self, clip: Float[Tensor, "batch 3 frame row col"]) -> Tokens:
        """Turn a clip into the tokens that enter the first block (eqs. 1 and 2)."""
        grid = self.patch_embed(clip)
        frames, down, across = grid.shape[1:4]
        position = resize_positions(self.pos_embed, down, across, mode="nearest")[0]
        time = resize_times(self.time_embed, frames, mode="nearest")[0]
        patches = rearrange(grid, "batch frame down across dim -> batch (down across) frame dim")
        cls = (self.cls_token[0, 0] + position[0]).expand(clip.shape[0], -1)
        # Laid out as it is named: sums keep the layout, and every norm would copy another one.
        return Tokens(cls, (patches + position[1:, None] + time).contiguous())

    def _through(
        self, tokens: Tokens, depth: int, scored_layers: int, maps: bool
    ) -> tuple[Tokens, list[Attended]]:
        """Pass the first `depth` blocks; the last `scored_layers` of them are scored."""
        attended = []
        for number, block in enumerate(self.blocks[:depth]):
            scored = number >= depth - scored_layers
            tokens, looks = self._spared(block)(tokens, scored=scored, maps=maps)
            attended.append(looks)
        return tokens, attended

    def _spared(self, step: Callable[..., T]) -> Callable[..., T]:
        """Let a step keep nothing for the way back if activations are checkpointed."""
        if self.checkpoint_activations and torch.is_grad_enabled():
            return partial(checkpoint, step, use_reentrant=False)
        return step

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=INIT_STD)
                nn.init.zeros_(module.bias)
        nn.init.trunc_normal_(self.cls_token, std=INIT_STD)
        nn.init.trunc_normal_(self.pos_embed, std=INIT_STD)
        # Time starts silent, so that an image model's weights still work when loaded.
        for block in self.blocks:
            assert isinstance(block, Block)
            assert isinstance(block.temporal_fc, nn.Linear)
            nn.init.zeros_(block.temporal_fc.weight)


class TimeSformer(nn.Module):
    """The encoder and one linear head on its class token."""

    def __init__(self, encoder: Encoder, *, with_speed: bool = False) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = Head(encoder.size.dim, with_speed=with_speed)
        nn.init.trunc_normal_(self.head.linear.weight, std=INIT_STD)
        nn.init.zeros_(self.head.linear.bias)

    def forward(
        self,
        clip: Float[Tensor, "batch 3 frame row col"],
        speed: Float[Tensor, " batch"] | None = None,
        *,
        maps: bool = False,
    ) -> ModelOutput:
        """Predict from the class token alone, as the one branch "g"."""
        if not maps:
            return self.predict_from(self.condense(clip), speed)
        encoded = self.encoder(clip, maps=True)
        return replace(self.predict_from(encoded.cls[:, None], speed), maps=encoded.maps)

    def condense(
        self, clip: Float[Tensor, "batch 3 frame row col"]
    ) -> Float[Tensor, "batch token dim"]:
        """Return all that the head reads: the class token."""
        cls: Tensor = self.encoder.forward_chosen(clip).cls
        return cls[:, None]

    def predict_from(
        self,
        condensed: Float[Tensor, "batch token dim"],
        speed: Float[Tensor, " batch"] | None = None,
    ) -> ModelOutput:
        """Predict from what `condense` returned."""
        feature = condensed[:, 0]
        logits = self.head(feature, speed)[None]
        return ModelOutput(logits, branches=("g",), features={"g": feature})


def resize_positions(
    embed: Float[Tensor, "1 token dim"], down: int, across: int, *, mode: str
) -> Float[Tensor, "1 other_token dim"]:
    """Resize position embeddings of a square grid (the first is the class token's) in 2-D."""
    side = round((embed.shape[1] - 1) ** 0.5)
    if (side, side) == (down, across):
        return embed
    grid = rearrange(embed[:, 1:], "one (down across) dim -> one dim down across", down=side)
    grid = F.interpolate(grid, size=(down, across), mode=mode)
    flat = rearrange(grid, "one dim down across -> one (down across) dim")
    return torch.cat([embed[:, :1], flat], dim=1)


def resize_times(
    embed: Float[Tensor, "1 token dim"], tokens: int, *, mode: str, kept: int = 0
) -> Float[Tensor, "1 other_token dim"]:
    """Resize time embeddings to another number of tokens; the first `kept` are of no frame."""
    if embed.shape[1] == tokens:
        return embed
    times = embed[:, kept:].transpose(1, 2)
    times = F.interpolate(times, size=tokens - kept, mode=mode).transpose(1, 2)
    return torch.cat([embed[:, :kept], times], dim=1)


def _stack_maps(attended: Sequence[Attended]) -> Maps:
    return Maps(
        time=torch.stack([layer.time for layer in attended if layer.time is not None], dim=1),
        space=torch.stack([layer.space for layer in attended if layer.space is not None], dim=1),
    )
