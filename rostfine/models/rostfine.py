"""RoSTFine: TimeSformer, a selection of patches, and two role-separated branches (section 4).

Where the paper leaves something open or says it in two ways, this is what is done here; what the
published code does otherwise is behind the switches of `rostfine.variants`:

- Blocks of both branches follow eq. 10, MLP(LN(MHSA(LN(G)))), with a residual connection around
  MHSA and around MLP and norms of their own. The paper writes neither; its equations abbreviate
  the usual transformer block, and six blocks without residuals do not train.
- In eq. 7 the second LN is missing; FGS and FGT are built alike.
- v_s is the mean over the T frames. Eq. 8 divides by K T: the sum has T terms.
- The hidden layer of a branch's MLP is as wide as its tokens, and its queries, keys and values
  have no bias, as in the published code.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float, Int64
from torch import Tensor, nn

from rostfine.model_params import RoSTFineParams
from rostfine.models.branches import BareBranch, Branch, Gathered
from rostfine.models.divided import take_patches
from rostfine.models.layers import Head
from rostfine.models.outputs import Maps, ModelOutput
from rostfine.models.timesformer import Encoder
from rostfine.variants import Variant

FEATURES: Final = ("g", "s", "t")
"""Global, fine-grained spatial, fine-grained temporal: v_g, v_s, v_t."""

PAPER_LAYERS: Final = 2
"""Last layers whose attention selects (eq. 4)."""


class Selected(NamedTuple):
    """The class token, and the tokens of the patches selected in each frame."""

    cls: Float[Tensor, "batch dim"]
    tokens: Float[Tensor, "batch frame k dim"]
    patches: Int64[Tensor, "batch frame k"] | None = None
    maps: Maps | None = None


class RoSTFine(nn.Module):
    """The encoder, PSM, FGS and FGT, and heads on their features."""

    def __init__(
        self,
        encoder: Encoder,
        params: RoSTFineParams,
        variant: Variant,
        *,
        with_speed: bool = False,
    ) -> None:
        super().__init__()
        dim = encoder.size.dim
        self.attention_layers = attention_layers_of(params, variant)
        self.top_k = params.top_k
        self.token_order = variant.token_order
        self.aggregate = AGGREGATIONS[params.aggregation]
        self.used: tuple[str, ...] = tuple(name for name in FEATURES if name in params.use_feat)
        self.encoder = encoder
        bare = partial(BareBranch, maps_of_input=variant.raw_attention_maps)
        build = bare if variant.bare_branches else Branch
        for name in self.used:
            if name != "g":
                branch = build(dim, depth=params.branch_depth, heads=params.branch_heads)
                self.add_module(f"fg{name}", branch)
        inputs = self.aggregate({name: torch.empty(0, dim) for name in self.used})
        self.heads = nn.ModuleDict(
            {name: Head(f.shape[1], with_speed=with_speed) for name, f in inputs.items()}
        )

    def forward(
        self,
        clip: Float[Tensor, "batch 3 frame row col"],
        speed: Float[Tensor, " batch"] | None = None,
        *,
        maps: bool = False,
    ) -> ModelOutput:
        """Predict from the class token and from the two branches (eqs. 4 to 11)."""
        return self._predict(self._select(clip, maps), speed)

    def condense(
        self, clip: Float[Tensor, "batch 3 frame row col"]
    ) -> Float[Tensor, "batch token dim"]:
        """Return all that branches and heads read.

        It is the class token, and behind it the tokens of the selected patches, frame by frame.
        """
        selected = self._select(clip, maps=False)
        return torch.cat([selected.cls[:, None], selected.tokens.flatten(1, 2)], dim=1)

    def predict_from(
        self,
        condensed: Float[Tensor, "batch token dim"],
        speed: Float[Tensor, " batch"] | None = None,
    ) -> ModelOutput:
        """Predict from what `condense` returned; which patches they were is not known."""
        # Laid out as it leaves the encoder, so that every product gives the same bits.
        cls = condensed[:, 0].contiguous()
        tokens = rearrange(
            condensed[:, 1:], "batch (frame k) dim -> batch frame k dim", k=self.top_k
        )
        return self._predict(Selected(cls, tokens), speed)

    def _predict(self, selected: Selected, speed: Float[Tensor, " batch"] | None) -> ModelOutput:
        gathered = {
            name: _GATHER[name](getattr(self, f"fg{name}"), selected)
            for name in self.used
            if name != "g"
        }
        features = {
            name: gathered[name].feature if name in gathered else selected.cls for name in self.used
        }
        inputs = self.aggregate(features)
        fgs, fgt = (gathered[name].maps if name in gathered else None for name in "st")
        return ModelOutput(
            logits=torch.stack([self.heads[name](f, speed) for name, f in inputs.items()]),
            branches=tuple(inputs),
            features=features,
            selected=selected.patches,
            maps=selected.maps and dataclasses.replace(selected.maps, fgs=fgs, fgt=fgt),
        )

    def _select(self, clip: Float[Tensor, "batch 3 frame row col"], maps: bool) -> Selected:
        """PSM: the tokens of the patches that the class token attends to most (eqs. 4 and 5)."""

        def choose(attention: Sequence[Tensor]) -> Tensor:
            return select_patches(attention, self.top_k)

        if not (maps or self.token_order):
            chosen = self.encoder.forward_chosen(clip, choose, scored_layers=self.attention_layers)
            return Selected(chosen.cls, chosen.tokens, chosen.selected)
        encoded = self.encoder(clip, scored_layers=self.attention_layers, maps=maps)
        selected = choose(encoded.attention)
        take = take_scrambled if self.token_order else take_patches
        return Selected(encoded.cls, take(encoded.patches, selected), selected, encoded.maps)


def attention_layers_of(params: RoSTFineParams, variant: Variant) -> int:
    """Return how many of the last layers select: as the params say, else by the variant."""
    if params.attention_layers is not None:
        return params.attention_layers
    return 1 if variant.last_layer_only else PAPER_LAYERS


def select_patches(
    attention: Sequence[Float[Tensor, "batch frame patch"]], top_k: int
) -> Int64[Tensor, "batch frame k"]:
    """Return the patches of each frame that the class token attends to most, over all layers.

    PSM, eq. 4: the layers' attention is summed; the patch with most of it comes first.
    """
    return torch.stack(list(attention)).sum(dim=0).topk(top_k, dim=-1).indices


def take_scrambled(
    patches: Float[Tensor, "batch patch frame dim"], selected: Int64[Tensor, "batch frame k"]
) -> Float[Tensor, "batch frame k dim"]:
    """Return the tokens that the published code takes for those of the selected patches.

    It counts along frames first where the tokens lie along patches first, so that nearly all of
    them are of another patch and frame.
    """
    count, frames = patches.shape[1:3]
    first_of_frame = torch.arange(frames, device=selected.device)[:, None] * count
    taken = (first_of_frame + selected).flatten(1)
    tokens = patches.flatten(1, 2).gather(1, taken[..., None].expand(-1, -1, patches.shape[3]))
    return tokens.view(*selected.shape, -1)


def _gather_in_frames(branch: nn.Module, selected: Selected) -> Gathered:
    """FGS: each frame by itself (eqs. 6 and 7), then the mean over frames (eq. 8)."""
    batch, frames = selected.tokens.shape[:2]
    cls = selected.cls[:, None].expand(-1, frames, -1)
    maps = selected.maps is not None
    feature, looks = branch(cls.flatten(0, 1), selected.tokens.flatten(0, 1), maps=maps)
    if looks is not None:
        looks = looks.view(batch, frames, *looks.shape[1:]).transpose(1, 2)
    return Gathered(feature.view(batch, frames, -1).mean(dim=1), looks)


def _gather_over_time(branch: nn.Module, selected: Selected) -> Gathered:
    """FGT: the patches of all frames together (eqs. 9 to 11)."""
    maps = selected.maps is not None
    gathered: Gathered = branch(selected.cls, selected.tokens.flatten(1, 2), maps=maps)
    return gathered


_GATHER: Final[Mapping[str, Callable[[nn.Module, Selected], Gathered]]] = {
    "s": _gather_in_frames,
    "t": _gather_over_time,
}

Features = Mapping[str, Tensor]
AGGREGATIONS: Final[Mapping[str, Callable[[Features], Features]]] = {
    "separate": lambda features: features,
    "concat": lambda features: {"concat": torch.cat(list(features.values()), dim=1)},
    "sum": lambda features: {"sum": torch.stack(list(features.values())).sum(dim=0)},
}
"""What the heads are given: each feature by itself (the paper's best), or one of them all."""
