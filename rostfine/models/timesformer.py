"""TimeSformer with divided space-time attention (Bertasius et al. 2021, arXiv:2102.05095).

Names of parameters are those of the published checkpoints, so loading one is a matter of names.

A clip travels as one class token and patch tokens on the axes (patch, frame), which is the order
of the published sequence 1 + patch * frames + frame. In each block every patch attends to itself
in the other frames, then every frame attends within itself together with a copy of the class
token; the class token takes the mean of what its copies gathered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from rostfine.models.layers import (
    Attention,
    DropPath,
    Mlp,
    PatchEmbed,
    attention_of_first,
    scaled,
)
from rostfine.models.outputs import ModelOutput
from rostfine.schemas import GRADES

NORM_EPS: Final = 1e-6
"""Of the published backbone; the default of torch is 1e-5."""

INIT_STD: Final = 0.02


@dataclass(frozen=True)
class VitSize:
    """The measures of a vision transformer."""

    dim: int
    depth: int
    heads: int
    patch_px: int
    mlp_ratio: int


SIZES: Final[Mapping[str, VitSize]] = {
    "vit_b": VitSize(dim=768, depth=12, heads=12, patch_px=16, mlp_ratio=4),
    "tiny": VitSize(dim=64, depth=3, heads=2, patch_px=8, mlp_ratio=2),
}


@dataclass(frozen=True)
class Encoded:
    """The tokens of a clip (eq. 3), and how much the class token attends to each patch.

    `attention` holds one entry for each of the last layers asked for, the deepest last, summed
    over heads.
    """

    cls: Float[Tensor, "batch dim"]
    patches: Float[Tensor, "batch patch frame dim"]
    attention: tuple[Float[Tensor, "batch frame patch"], ...]


class Tokens(NamedTuple):
    """The class token and the patch tokens on their way through the blocks."""

    cls: Float[Tensor, "batch dim"]
    patches: Float[Tensor, "batch patch frame dim"]


class Block(nn.Module):
    """Attention in time, attention in space, MLP; each adds to what it is given."""

    def __init__(self, size: VitSize, drop_path: float) -> None:
        super().__init__()
        self.temporal_norm1 = nn.LayerNorm(size.dim, eps=NORM_EPS)
        self.temporal_attn = Attention(size.dim, size.heads)
        self.temporal_fc = nn.Linear(size.dim, size.dim)
        self.norm1 = nn.LayerNorm(size.dim, eps=NORM_EPS)
        self.attn = Attention(size.dim, size.heads)
        self.norm2 = nn.LayerNorm(size.dim, eps=NORM_EPS)
        self.mlp = Mlp(size.dim, size.dim * size.mlp_ratio)
        self.drop_path = DropPath(drop_path)

    def forward(
        self, tokens: Tokens, *, scored: bool
    ) -> tuple[Tokens, Float[Tensor, "batch frame patch"] | None]:
        """Return the new tokens and, where `scored`, the class token's attention in space."""
        cls, patches = tokens
        patches = patches + self._in_time(patches)
        for_cls, for_patches, attention = self._in_space(Tokens(cls, patches), scored)
        cls, patches = cls + for_cls, patches + for_patches
        kept = self.drop_path.scale(cls, len(cls))
        cls = cls + scaled(self.mlp(self.norm2(cls)), kept)
        patches = patches + scaled(self.mlp(self.norm2(patches)), kept)
        return Tokens(cls, patches), attention

    def _in_time(
        self, patches: Float[Tensor, "batch patch frame dim"]
    ) -> Float[Tensor, "batch patch frame dim"]:
        batch, count = patches.shape[:2]
        mixed = self.temporal_attn(self.temporal_norm1(patches).flatten(0, 1))
        # Dropped before temporal_fc, as published: its bias is always added.
        kept = scaled(mixed, self.drop_path.scale(mixed, batch * count))
        out: Tensor = self.temporal_fc(kept)
        return out.view_as(patches)

    def _in_space(
        self, tokens: Tokens, scored: bool
    ) -> tuple[
        Float[Tensor, "batch dim"],
        Float[Tensor, "batch patch frame dim"],
        Float[Tensor, "batch frame patch"] | None,
    ]:
        batch, _, frames, dim = tokens.patches.shape
        copies = tokens.cls[:, None, None].expand(-1, frames, 1, -1)
        framed = torch.cat([copies, tokens.patches.transpose(1, 2)], dim=2).flatten(0, 1)
        heads = self.attn.heads_of(self.norm1(framed))
        mixed = self.attn.mix(heads)
        mixed = scaled(mixed, self.drop_path.scale(mixed, batch * frames))
        mixed = mixed.view(batch, frames, -1, dim)
        attention = attention_of_first(heads).view(batch, frames, -1) if scored else None
        return mixed[:, :, 0].mean(dim=1), mixed[:, :, 1:].transpose(1, 2), attention


class Encoder(nn.Module):
    """TimeSformer without its head."""

    def __init__(self, size: VitSize, *, frames: int, image_px: int, drop_path: float) -> None:
        super().__init__()
        self.size = size
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
        self, clip: Float[Tensor, "batch 3 frame row col"], *, scored_layers: int = 0
    ) -> Encoded:
        """Encode a clip of any size, with the attention of the last `scored_layers` layers.

        Position and time embeddings are resized to the clip where it differs from what they were
        made for.
        """
        tokens = self.embed(clip)
        attention = []
        for depth, block in enumerate(self.blocks):
            tokens, scores = block(tokens, scored=depth >= len(self.blocks) - scored_layers)
            if scores is not None:
                attention.append(scores)
        return Encoded(self.norm(tokens.cls), self.norm(tokens.patches), tuple(attention))

    def embed(self, clip: Float[Tensor, "batch 3 frame row col"]) -> Tokens:
        """Turn a clip into the tokens that enter the first block (eqs. 1 and 2)."""
        grid = self.patch_embed(clip)
        frames, down, across = grid.shape[1:4]
        position = resize_positions(self.pos_embed, down, across, mode="nearest")[0]
        time = resize_times(self.time_embed, frames, mode="nearest")[0]
        patches = rearrange(grid, "batch frame down across dim -> batch (down across) frame dim")
        cls = (self.cls_token[0, 0] + position[0]).expand(len(clip), -1)
        return Tokens(cls, patches + position[1:, None] + time)

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
            nn.init.zeros_(block.temporal_fc.weight)


class TimeSformer(nn.Module):
    """The encoder and one linear head on its class token."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.size.dim, len(GRADES))
        nn.init.trunc_normal_(self.head.weight, std=INIT_STD)
        nn.init.zeros_(self.head.bias)

    def forward(self, clip: Float[Tensor, "batch 3 frame row col"]) -> ModelOutput:
        """Predict from the class token alone, as the one branch "g"."""
        features = self.encoder(clip).cls
        return ModelOutput(
            logits=self.head(features)[None], features=features[None], branches=("g",)
        )


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
    embed: Float[Tensor, "1 frame dim"], frames: int, *, mode: str
) -> Float[Tensor, "1 other_frame dim"]:
    """Resize time embeddings to another number of frames."""
    if embed.shape[1] == frames:
        return embed
    return F.interpolate(embed.transpose(1, 2), size=frames, mode=mode).transpose(1, 2)
