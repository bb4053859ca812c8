"""ViViT with a factorised encoder (Arnab et al. 2021, arXiv:2103.15691, model 2).

Tubes of two frames become tokens. A transformer in space looks at each pair of frames by itself,
with a copy of the class token; the mean of a pair's patches is its token in time. A second
transformer looks at those, after the class token that the first pair of frames made.

The published code takes for that class token the first rows of the batch, which are the pairs of
frames of its first clips: the switch `batch_dependent_vivit`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from rostfine.models.divided import VitSize
from rostfine.models.layers import Attention, DropPath, Mlp, scaled
from rostfine.models.timesformer import INIT_STD, resize_positions, resize_times

TUBE: Final = 2
"""Frames that share their tokens."""

FINAL_EPS: Final = 1e-6
"""Of the last norm; those of the blocks have torch's default."""


@dataclass(frozen=True)
class ViViTSize:
    """The measures of both transformers, and how deep the one in time is."""

    space: VitSize
    time_depth: int


SIZES: Final[Mapping[str, ViViTSize]] = {
    "vivit_b": ViViTSize(VitSize(dim=768, depth=12, heads=12, patch_px=16, mlp_ratio=4), 4),
    "tiny": ViViTSize(VitSize(dim=64, depth=3, heads=2, patch_px=8, mlp_ratio=2), 1),
}


class EncoderBlock(nn.Module):
    """Attention, then an MLP; each adds to what it is given."""

    def __init__(self, size: VitSize, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size.dim)
        self.attn = Attention(size.dim, size.heads)
        self.norm2 = nn.LayerNorm(size.dim)
        self.mlp = Mlp(size.dim, size.dim * size.mlp_ratio)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Float[Tensor, "row token dim"]) -> Float[Tensor, "row token dim"]:
        """Let the tokens of each row attend to each other, then transform each."""
        tokens = tokens + self._dropped(self.attn(self.norm1(tokens)))
        return tokens + self._dropped(self.mlp(self.norm2(tokens)))

    def _dropped(self, residual: Tensor) -> Tensor:
        return scaled(residual, self.drop_path.scale(residual, residual.shape[0]))


class ViViTEncoder(nn.Module):
    """ViViT without its head: from a clip to its class token."""

    def __init__(
        self,
        size: ViViTSize,
        *,
        frames: int,
        image_px: int,
        drop_path: float,
        batch_dependent: bool = False,
    ) -> None:
        super().__init__()
        dim, patch_px = size.space.dim, size.space.patch_px
        self.batch_dependent = batch_dependent
        self.checkpoint_activations = False
        tube = (TUBE, patch_px, patch_px)
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv3d(3, dim, tube, stride=tube)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (image_px // patch_px) ** 2, dim))
        self.time_embed = nn.Parameter(torch.zeros(1, 1 + frames // TUBE, dim))
        self.space = _stack(size.space, size.space.depth, drop_path)
        self.time = _stack(size.space, size.time_depth, drop_path)
        self.norm = nn.LayerNorm(dim, eps=FINAL_EPS)
        for fresh in (self.cls_token, self.pos_embed, self.time_embed):
            nn.init.trunc_normal_(fresh, std=INIT_STD)

    def forward(self, clip: Float[Tensor, "batch 3 frame row col"]) -> Float[Tensor, "batch 1 dim"]:
        """Encode a clip of any size; embeddings are resized to it where it differs from theirs."""
        rows = self._through(self.space, self._embed(clip))
        pairs = clip.shape[2] // TUBE
        means = rearrange(rows[:, 1:].mean(dim=1), "(batch pair) dim -> batch pair dim", pair=pairs)
        tokens = torch.cat([self._class_tokens(rows[:, 0], pairs)[:, None], means], dim=1)
        times = resize_times(self.time_embed, 1 + pairs, mode="nearest", kept=1)
        out: Tensor = self.norm(self._through(self.time, tokens + times)[:, :1])
        return out

    def _embed(
        self, clip: Float[Tensor, "batch 3 frame row col"]
    ) -> Float[Tensor, "pair_of_clip token dim"]:
        grid = self.patch_embed["proj"](clip)
        positions = resize_positions(self.pos_embed, *grid.shape[3:], mode="nearest")
        patches = rearrange(grid, "batch dim pair down across -> (batch pair) (down across) dim")
        cls = self.cls_token.expand(patches.shape[0], -1, -1)
        return torch.cat([cls, patches], dim=1) + positions

    def _class_tokens(
        self, rows: Float[Tensor, "row dim"], pairs: int
    ) -> Float[Tensor, "batch dim"]:
        """Return that of the first frames of each clip, or of the first rows as published."""
        if self.batch_dependent:
            return rows[: rows.shape[0] // pairs]
        return rearrange(rows, "(batch pair) dim -> batch pair dim", pair=pairs)[:, 0]

    def _through(
        self, blocks: nn.ModuleList, tokens: Float[Tensor, "row token dim"]
    ) -> Float[Tensor, "row token dim"]:
        for block in blocks:
            if self.checkpoint_activations and torch.is_grad_enabled():
                tokens = checkpoint(block, tokens, use_reentrant=False)
            else:
                tokens = block(tokens)
        return tokens


def _stack(size: VitSize, depth: int, drop_path: float) -> nn.ModuleList:
    # From none in the first block to all of it in the last.
    rates = [drop_path * number / max(depth - 1, 1) for number in range(depth)]
    return nn.ModuleList(EncoderBlock(size, rate) for rate in rates)
