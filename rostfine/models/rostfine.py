"""RoSTFine: TimeSformer, a selection of patches, and two role-separated branches (section 4).

Where the paper leaves something open or says it in two ways, this is what is done here:

- Blocks of both branches follow eq. 10, MLP(LN(MHSA(LN(G)))), with a residual connection around
  MHSA and around MLP and norms of their own. The paper writes neither; its equations abbreviate
  the usual transformer block, and six blocks without residuals do not train.
- In eq. 7 the second LN is missing; FGS and FGT are built alike.
- v_s is the mean over the T frames. Eq. 8 divides by K T: the sum has T terms.
- The hidden layer of a branch's MLP is as wide as its tokens, and its queries, keys and values
  have no bias, as in the published code.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from rostfine.models.layers import Attention, Mlp
from rostfine.models.outputs import ModelOutput
from rostfine.models.timesformer import Encoder
from rostfine.schemas import GRADES

BRANCHES = ("g", "s", "t")
"""Global, fine-grained spatial, fine-grained temporal."""


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


class Branch(nn.Module):
    """A stack of attention blocks that gathers its tokens into the first of them."""

    def __init__(self, dim: int, *, depth: int, heads: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(BranchBlock(dim, heads) for _ in range(depth))

    def forward(
        self, cls: Float[Tensor, "row dim"], tokens: Float[Tensor, "row token dim"]
    ) -> Float[Tensor, "row dim"]:
        """Put `cls` before the tokens of each row (eqs. 6 and 9); return what becomes of it."""
        rows = torch.cat([cls[:, None], tokens], dim=1)
        for block in self.blocks:
            rows = block(rows)
        return rows[:, 0]


class RoSTFine(nn.Module):
    """The encoder, PSM, FGS and FGT, and a head for each of the three features."""

    def __init__(
        self,
        encoder: Encoder,
        *,
        attention_layers: int,
        top_k: int,
        branch_depth: int,
        branch_heads: int,
    ) -> None:
        super().__init__()
        dim = encoder.size.dim
        self.attention_layers = attention_layers
        self.top_k = top_k
        self.encoder = encoder
        self.fgs = Branch(dim, depth=branch_depth, heads=branch_heads)
        self.fgt = Branch(dim, depth=branch_depth, heads=branch_heads)
        self.heads = nn.ModuleDict({name: nn.Linear(dim, len(GRADES)) for name in BRANCHES})

    def forward(self, clip: Float[Tensor, "batch 3 frame row col"]) -> ModelOutput:
        """Predict from the class token and from the two branches (eqs. 4 to 11)."""
        encoded = self.encoder(clip, scored_layers=self.attention_layers)
        selected = select_patches(encoded.attention, self.top_k)
        chosen = take_patches(encoded.patches, selected)
        frames = chosen.shape[1]
        cls_of_frames = encoded.cls[:, None].expand(-1, frames, -1)
        in_frames = self.fgs(cls_of_frames.flatten(0, 1), chosen.flatten(0, 1))
        features = {
            "g": encoded.cls,
            "s": in_frames.view(len(clip), frames, -1).mean(dim=1),
            "t": self.fgt(encoded.cls, chosen.flatten(1, 2)),
        }
        return ModelOutput(
            logits=torch.stack([self.heads[name](features[name]) for name in BRANCHES]),
            features=torch.stack([features[name] for name in BRANCHES]),
            branches=BRANCHES,
            selected=selected,
        )


def select_patches(
    attention: tuple[Float[Tensor, "batch frame patch"], ...], top_k: int
) -> Int64[Tensor, "batch frame k"]:
    """Return the patches of each frame that the class token attends to most, over all layers.

    PSM, eq. 4: the layers' attention is summed; the patch with most of it comes first.
    """
    return torch.stack(attention).sum(dim=0).topk(top_k, dim=-1).indices


def take_patches(
    patches: Float[Tensor, "batch patch frame dim"], selected: Int64[Tensor, "batch frame k"]
) -> Float[Tensor, "batch frame k dim"]:
    """Return the tokens of the selected patches of each frame: F of eq. 5."""
    return patches.transpose(1, 2).take_along_dim(selected[..., None], dim=2)
