"""The block of TimeSformer: divided space-time attention (Bertasius et al. 2021, section 3)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from rostfine.models.layers import (
    Attention,
    DropPath,
    Heads,
    Mlp,
    attention_of_first,
    map_of,
    scaled,
)

NORM_EPS = 1e-6
"""Of the published backbone; the default of torch is 1e-5."""

Choose = Callable[[Tensor], Tensor]
"""From the class token's attention (batch, frame, patch) to patches chosen (batch, frame, k)."""


@dataclass(frozen=True)
class VitSize:
    """The measures of a vision transformer."""

    dim: int
    depth: int
    heads: int
    patch_px: int
    mlp_ratio: int


class Tokens(NamedTuple):
    """The class token and the patch tokens on their way through the blocks."""

    cls: Float[Tensor, "batch dim"]
    patches: Float[Tensor, "batch patch frame dim"]


@dataclass(frozen=True)
class Attended:
    """What a block attended to: the class token in space, and whole maps where asked for."""

    scores: Float[Tensor, "batch frame patch"] | None
    time: Float[Tensor, "batch patch head frame other_frame"] | None = None
    space: Float[Tensor, "batch frame head token other_token"] | None = None


class Chosen(NamedTuple):
    """What leaves a block of which only the class token and chosen patches are wanted."""

    cls: Float[Tensor, "batch dim"]
    tokens: Float[Tensor, "batch frame k dim"]
    selected: Int64[Tensor, "batch frame k"]


class Block(nn.Module):
    """Attention in time, attention in space, MLP; each adds to what it is given."""

    def __init__(self, size: VitSize, drop_path: float) -> None:
        super().__init__()
        self.temporal_norm1 = nn.LayerNorm(size.dim, eps=NORM_EPS)
        self.temporal_attn = Attention(size.dim, size.heads)
        self.temporal_fc: nn.Linear | nn.Identity = nn.Linear(size.dim, size.dim)
        self.norm1 = nn.LayerNorm(size.dim, eps=NORM_EPS)
        self.attn = Attention(size.dim, size.heads)
        self.norm2 = nn.LayerNorm(size.dim, eps=NORM_EPS)
        self.mlp = Mlp(size.dim, size.dim * size.mlp_ratio)
        self.drop_path = DropPath(drop_path)

    def forward(
        self, tokens: Tokens, *, scored: bool = False, maps: bool = False
    ) -> tuple[Tokens, Attended]:
        """Return the new tokens and, where `scored`, the class token's attention in space."""
        patches, time = self._in_time(tokens.patches, maps)
        tokens, scores, space = self._in_space(Tokens(tokens.cls, patches), scored, maps)
        return Tokens(*self._transform(*tokens)), Attended(scores, time, space)

    def forward_chosen(self, tokens: Tokens, choose: Choose | None) -> Chosen:
        """Return what `forward` would, of the class token and of chosen patches alone.

        Every patch still serves as key and value; queries and MLP are for what is wanted. Without
        `choose` it is the class token only.
        """
        cls, patches = tokens
        patches, _ = self._in_time(patches, maps=False)
        framed = self._frame_by_frame(Tokens(cls, patches))
        heads = Heads(self.attn.query_of(framed[:, :1]), *self.attn.key_value_of(framed))
        selected = self._choose(heads, patches, choose)
        taken = take_patches(by_frame(framed[:, 1:], patches).transpose(1, 2), selected)
        queries = [heads.query, self.attn.query_of(taken.flatten(0, 1))]
        mixed = self._mix_in_space(heads._replace(query=torch.cat(queries, dim=2)), tokens)
        cls = cls + mixed[:, :, 0].mean(dim=1)
        cls, wanted = self._transform(cls, take_patches(patches, selected) + mixed[:, :, 1:])
        return Chosen(cls, wanted, selected)

    def _choose(
        self, heads: Heads, patches: Float[Tensor, "batch patch frame dim"], choose: Choose | None
    ) -> Int64[Tensor, "batch frame k"]:
        if choose is None:
            shape = (patches.shape[0], patches.shape[2], 0)
            return torch.empty(shape, dtype=torch.int64, device=patches.device)
        return choose(by_frame(attention_of_first(heads), patches))

    def _in_time(
        self, patches: Float[Tensor, "batch patch frame dim"], maps: bool
    ) -> tuple[Float[Tensor, "batch patch frame dim"], Tensor | None]:
        batch, count = patches.shape[:2]
        heads = self.temporal_attn.heads_of(self.temporal_norm1(patches).flatten(0, 1))
        time = _part(map_of(heads), batch, count) if maps else None
        gathered = self.temporal_attn.gather(heads)
        kept = self.drop_path.scale(gathered, batch * count)
        return patches + self._project_time(gathered, kept).view_as(patches), time

    def _project_time(
        self, gathered: Float[Tensor, "row frame dim"], kept: Tensor | None
    ) -> Float[Tensor, "row frame dim"]:
        """Apply the projection of attention in time and then `temporal_fc`, as one matrix.

        As published, paths are dropped between the two: the bias of `temporal_fc` is always added.
        """
        proj, fc = self.temporal_attn.proj, self.temporal_fc
        if isinstance(fc, nn.Identity):
            return F.linear(gathered, proj.weight, proj.bias)
        weight, bias = fc.weight @ proj.weight, fc.weight @ proj.bias
        if kept is None:
            return F.linear(gathered, weight, bias + fc.bias)
        return scaled(F.linear(gathered, weight, bias), kept) + fc.bias

    def _in_space(
        self, tokens: Tokens, scored: bool, maps: bool
    ) -> tuple[Tokens, Tensor | None, Tensor | None]:
        # In a function of its own, so that all but its results is freed before the MLP.
        cls, patches = tokens
        heads = self.attn.heads_of(self._frame_by_frame(tokens))
        scores = by_frame(attention_of_first(heads), patches) if scored else None
        space = by_frame(map_of(heads), patches) if maps else None
        mixed = self._mix_in_space(heads, tokens)
        cls = cls + mixed[:, :, 0].mean(dim=1)
        return Tokens(cls, patches + mixed[:, :, 1:].transpose(1, 2)), scores, space

    def _frame_by_frame(self, tokens: Tokens) -> Float[Tensor, "row token dim"]:
        """Normalise the patches of each frame, behind a copy of the class token."""
        frames = tokens.patches.shape[2]
        copies = tokens.cls[:, None, None].expand(-1, frames, 1, -1)
        framed = torch.cat([copies, tokens.patches.transpose(1, 2)], dim=2)
        out: Tensor = self.norm1(framed.flatten(0, 1))
        return out

    def _mix_in_space(
        self, heads: Heads, tokens: Tokens
    ) -> Float[Tensor, "batch frame asking dim"]:
        mixed = self.attn.mix(heads)
        mixed = scaled(mixed, self.drop_path.scale(mixed, mixed.shape[0]))
        return by_frame(mixed, tokens.patches)

    def _transform(self, cls: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        kept = self.drop_path.scale(cls, cls.shape[0])
        cls = cls + scaled(self.mlp(self.norm2(cls)), kept)
        return cls, others + scaled(self.mlp(self.norm2(others)), kept)


def by_frame(rows: Tensor, patches: Float[Tensor, "batch patch frame dim"]) -> Tensor:
    """Part the rows of a clip's frames: from (batch * frame, ...) to (batch, frame, ...)."""
    return _part(rows, patches.shape[0], patches.shape[2])


def take_patches(
    patches: Float[Tensor, "batch patch frame dim"], selected: Int64[Tensor, "batch frame k"]
) -> Float[Tensor, "batch frame k dim"]:
    """Return the tokens of the selected patches of each frame: F of eq. 5."""
    places = selected[..., None].expand(-1, -1, -1, patches.shape[3])
    return patches.transpose(1, 2).gather(2, places)


def _part(rows: Tensor, *leading: int) -> Tensor:
    return rows.reshape(*leading, *rows.shape[1:])
