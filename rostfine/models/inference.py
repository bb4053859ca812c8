"""A trained model made ready for predictions alone."""

import copy

import torch
from torch import nn

from rostfine.models.divided import Block


@torch.no_grad()
def fold_time(model: nn.Module) -> nn.Module:
    """Return a model in evaluation mode that keeps the product of the two matrices of time.

    While it trains, a model multiplies the temporal projection and `temporal_fc` in each pass. All
    other weights are shared with `model`, which stays as it is.
    """
    shared = {id(weight): weight for weight in model.parameters()}
    folded = copy.deepcopy(model, shared).eval()
    for block in folded.modules():
        if isinstance(block, Block) and isinstance(block.temporal_fc, nn.Linear):
            block.temporal_attn.proj = _product(block.temporal_fc, block.temporal_attn.proj)
            block.temporal_fc = nn.Identity()
    return folded


def _product(outer: nn.Linear, inner: nn.Linear) -> nn.Linear:
    """Return the one layer that does what `outer` does after `inner`."""
    # In float64, so that the product loses nothing that the two layers kept.
    weight = outer.weight.double()
    both = nn.Linear(inner.in_features, outer.out_features).to(inner.weight)
    both.weight.copy_(weight @ inner.weight.double())
    both.bias.copy_(weight @ inner.bias.double() + outer.bias.double())
    return both
