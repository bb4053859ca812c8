"""The layers of a vision transformer, for any number of rows of tokens, and the head on top."""

from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from rostfine.errors import InputError
from rostfine.schemas import GRADES


class Heads(NamedTuple):
    """Queries, keys and values of every head."""

    query: Float[Tensor, "row head asking width"]
    key: Float[Tensor, "row head token width"]
    value: Float[Tensor, "row head token width"]


class Attention(nn.Module):
    """Multi-head self-attention among the tokens of each row, fused: maps are never stored."""

    def __init__(self, dim: int, heads: int, *, qkv_bias: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)

    def heads_of(self, tokens: Float[Tensor, "row token dim"]) -> Heads:
        """Project tokens to queries, keys and values."""
        return Heads(*self._project(tokens, slice(0, 3)))

    def query_of(
        self, tokens: Float[Tensor, "row asking dim"]
    ) -> Float[Tensor, "row head asking width"]:
        """Project tokens to queries alone."""
        return self._project(tokens, slice(0, 1))[0]

    def key_value_of(self, tokens: Float[Tensor, "row token dim"]) -> tuple[Tensor, Tensor]:
        """Project tokens to keys and values alone."""
        key, value = self._project(tokens, slice(1, 3))
        return key, value

    def mix(self, heads: Heads) -> Float[Tensor, "row asking dim"]:
        """Gather for every query and project what came."""
        out: Tensor = self.proj(self.gather(heads))
        return out

    def gather(self, heads: Heads) -> Float[Tensor, "row asking dim"]:
        """Let every query take from the tokens of its row by softmaxed scaled dot products."""
        mixed = F.scaled_dot_product_attention(heads.query, heads.key, heads.value)
        return mixed.transpose(1, 2).flatten(2)

    def forward(self, tokens: Float[Tensor, "row token dim"]) -> Float[Tensor, "row token dim"]:
        """Project, then mix."""
        return self.mix(self.heads_of(tokens))

    def _project(self, tokens: Tensor, parts: slice) -> tuple[Tensor, ...]:
        dim = tokens.shape[-1]
        rows = slice(parts.start * dim, parts.stop * dim)
        bias = None if self.qkv.bias is None else self.qkv.bias[rows]
        out = F.linear(tokens, self.qkv.weight[rows], bias)
        split = out.view(*tokens.shape[:2], parts.stop - parts.start, self.heads, dim // self.heads)
        # Apart first, heads forward then: the gradients join again in one copy instead of two.
        return tuple(part.transpose(1, 2) for part in split.unbind(2))


def map_of(heads: Heads) -> Float[Tensor, "row head asking token"]:
    """Return the whole map of what each query attends to."""
    match: Tensor = (heads.query * heads.query.shape[-1] ** -0.5) @ heads.key.transpose(-2, -1)
    return match.softmax(dim=-1)


@torch.no_grad()
def attention_of_first(heads: Heads) -> Float[Tensor, "row rest"]:
    """Return the attention that token 0 pays to each of the other tokens, summed over heads.

    One row of each map instead of the whole. It carries no gradient: it serves to rank.
    """
    first = Heads(heads.query[:, :, :1], heads.key, heads.value)
    return map_of(first)[:, :, 0, 1:].sum(dim=1)


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between them."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, tokens: Float[Tensor, "*rows dim"]) -> Float[Tensor, "*rows dim"]:
        """Transform each token by itself."""
        hidden = self.fc1(tokens)
        # The largest tensor of all: it is not kept twice where no gradient wants it.
        gelu = F.gelu if torch.is_grad_enabled() else torch.ops.aten.gelu_
        out: Tensor = self.fc2(gelu(hidden))
        return out


class DropPath(nn.Module):
    """Stochastic depth: in training, a residual is dropped for whole rows at once.

    The kept ones are scaled up so that the mean stays (Huang et al. 2016, arXiv:1603.09382).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def scale(self, like: Tensor, *rows: int) -> Tensor | None:
        """Draw one factor, 0 or 1 / (1 - rate), for each of `rows`; None where all are kept."""
        if not self.training or self.rate == 0:
            return None
        kept = 1 - self.rate
        # In float32 also where products are in bfloat16, which would round 1 / kept.
        return like.new_empty(rows, dtype=torch.float32).bernoulli_(kept) / kept


def scaled(residual: Tensor, scale: Tensor | None) -> Tensor:
    """Multiply `residual` by factors that stand for its first axes."""
    if scale is None:
        return residual
    factors = scale.reshape(*scale.shape, *[1] * (residual.ndim - scale.ndim))
    return (residual * factors).to(residual.dtype)


class PatchEmbed(nn.Module):
    """Cut each frame into square patches without overlap and project each one: E x of eq. 1."""

    def __init__(self, dim: int, patch_px: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel_size=patch_px, stride=patch_px)

    def forward(
        self, clip: Float[Tensor, "batch 3 frame row col"]
    ) -> Float[Tensor, "batch frame down across dim"]:
        """Embed the patches of a clip, leaving them on their grid."""
        frames = rearrange(clip, "batch chan frame row col -> (batch frame) chan row col")
        out: Tensor = rearrange(
            self.proj(frames),
            "(batch frame) dim down across -> batch frame down across dim",
            batch=clip.shape[0],
        )
        return out


class Head(nn.Module):
    """One linear layer from features to the logits of the grades.

    With speed it is y = H(B(x), v), eq. 1 of the EMD paper, which leaves the scale of v open: it
    is ln(1 + v) here, so that 5 and 50 um/s are as far apart as 10 and 100.
    """

    def __init__(self, dim: int, *, with_speed: bool) -> None:
        super().__init__()
        self.with_speed = with_speed
        self.linear = nn.Linear(dim + with_speed, len(GRADES))

    def forward(
        self, features: Float[Tensor, "batch dim"], speed: Float[Tensor, " batch"] | None
    ) -> Float[Tensor, "batch grade"]:
        """Return logits; `speed` is not looked at by a head without it."""
        if self.with_speed:
            if speed is None:
                raise InputError("this model also takes the speed of the sperm, got none")
            features = torch.cat([features, speed.to(features).log1p()[:, None]], dim=1)
        logits: Tensor = self.linear(features)
        return logits
