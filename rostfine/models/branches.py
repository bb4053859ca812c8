"""The role-separated branches of RoSTFine: stacks of attention that gather into one token.

FGS and FGT are built alike (eqs. 6 to 11); `variant` decides between the two ways to build them.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rostfine.models.layers import Attention, Mlp, map_of


class Gathered(NamedTuple):
    """What became of the first token of each row, and every block's map where asked for."""

    feature: Float[Tensor, "row dim"]
    maps: Float[Tensor, "row block head token other_token"] | None


class BranchBlock(nn.Module):
    """One attention block of a branch."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.mhsa = Attention(dim, heads, qkv_bias=False)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, dim)

    def forward(self, tokens: Float[Tensor, "row token dim"]) -> Float[Tensor, "row token dim"]:
        """Let the tokens of each row attend to each other, then transform each (eq. 10)."""
        tokens = tokens + self.mhsa(self.norm1(tokens))
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out

    def map_of(
        self, tokens: Float[Tensor, "row token dim"]
    ) -> Float[Tensor, "row head token other"]:
        """Return what each token attends to."""
        return map_of(self.mhsa.heads_of(self.norm1(tokens)))


class Branch(nn.Module):
    """The paper's: blocks of MHSA and MLP, each with a residual and norms of its own."""

    def __init__(self, dim: int, *, depth: int, heads: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(BranchBlock(dim, heads) for _ in range(depth))

    def forward(
        self,
        cls: Float[Tensor, "row dim"],
        tokens: Float[Tensor, "row token dim"],
        *,
        maps: bool = False,
    ) -> Gathered:
        """Put `cls` before the tokens of each row (eqs. 6 and 9), and let it gather from them."""
        rows = torch.cat([cls[:, None], tokens], dim=1)
        looks = []
        for block in self.blocks:
            assert isinstance(block, BranchBlock)
            looks += [block.map_of(rows)] if maps else []
            rows = block(rows)
        return Gathered(rows[:, 0], torch.stack(looks, dim=1) if maps else None)


class BareBranch(nn.Module):
    """The published code's: MHSA without residuals behind one shared norm, one MLP at the end.

    With `maps_of_input` the maps are those that it draws: of each block given what enters the
    first, as if those before it were not there.
    """

    def __init__(self, dim: int, *, depth: int, heads: int, maps_of_input: bool = False) -> None:
        super().__init__()
        self.maps_of_input = maps_of_input
        self.norm1 = nn.LayerNorm(dim)
        self.mhsa = nn.ModuleList(Attention(dim, heads, qkv_bias=False) for _ in range(depth))
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, dim)

    def forward(
        self,
        cls: Float[Tensor, "row dim"],
        tokens: Float[Tensor, "row token dim"],
        *,
        maps: bool = False,
    ) -> Gathered:
        """Put `cls` before the tokens of each row, and let it gather from them."""
        rows = given = torch.cat([cls[:, None], tokens], dim=1)
        looks = []
        for mhsa in self.mhsa:
            assert isinstance(mhsa, Attention)
            if maps:
                seen = given if self.maps_of_input else rows
                looks.append(map_of(mhsa.heads_of(self.norm1(seen))))
            rows = mhsa(self.norm1(rows))
        feature: Tensor = self.mlp(self.norm2(rows[:, 0]))
        return Gathered(feature, torch.stack(looks, dim=1) if maps else None)
