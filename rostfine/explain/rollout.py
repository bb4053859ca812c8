"""Attention rollout (Abnar and Zuidema 2020, arXiv:2005.00928) for divided space-time attention.

A layer hands on half of a token by its residual and half by its attention, mean of the heads:
R_l = (I + A_space) / 2 (I + A_time) / 2 over the class token and all patches of all frames, and the
rollout is R_L ... R_1. Only the row of one token is wanted, so that row is taken back from the last
layer to the first, and no matrix over all tokens is ever made. In time the class token keeps
itself; in space it is the mean of its copies, one in each frame.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import torch
from einops import rearrange
from jaxtyping import Float, Int64
from torch import Tensor

from rostfine.models.outputs import Maps, ModelOutput
from rostfine.variants import PAPER, Variant

KEPT: Final = 0.5
"""Share of a token that the residual connection hands on."""


@dataclass(frozen=True)
class Rollout:
    """Where what a token holds came from; all of a clip sums to 1.

    `patches` are those of the clip itself, `cls` is what was never in a patch.
    """

    patches: Float[Tensor, "batch frame patch"]
    cls: Float[Tensor, " batch"]


@torch.no_grad()
def rollout_of(
    output: ModelOutput, branch: str | None = None, *, variant: Variant = PAPER
) -> Rollout:
    """Return the rollout of what `branch` ("g", "s" or "t") predicts from; None: of their mean.

    Raises ValueError if the output has no maps, or no such branch.
    """
    maps = _maps_of(output)
    start = _mean([_START[name](output, maps, variant) for name in _branches(output, branch)])
    return roll_back(maps, start)


def roll_back(maps: Maps, last: Rollout) -> Rollout:
    """Take shares of the encoder's last tokens back to the tokens that entered its first layer."""
    for layer in reversed(range(maps.space.shape[1])):
        last = _through_space(last, maps.space[:, layer].mean(dim=2))
        last = _through_time(last, maps.time[:, layer].mean(dim=2))
    return last


@torch.no_grad()
def selection_map(output: ModelOutput) -> Float[Tensor, "batch frame patch"]:
    """Return what the published code draws for a rollout: one attention map, heads summed.

    For RoSTFine the class token's row of the last FGS block at the selected patches, zero at all
    others; for TimeSformer, and RoSTFine without v_s, that of the last attention in space.
    """
    maps = _maps_of(output)
    if maps.fgs is None or output.selected is None:
        return maps.space[:, -1].sum(dim=2)[:, :, 0, 1:]
    found = maps.fgs[:, -1].sum(dim=2)[:, :, 0, 1:]
    blank = found.new_zeros(*found.shape[:2], maps.space.shape[-1] - 1)
    return blank.scatter(2, output.selected, found)


def _through_space(last: Rollout, attention: Float[Tensor, "batch frame token other"]) -> Rollout:
    frames = attention.shape[1]
    copies = (last.cls / frames)[:, None, None].expand(-1, frames, 1)
    rows = _mix(torch.cat([copies, last.patches], dim=2), attention, kept=KEPT)
    return Rollout(patches=rows[:, :, 1:], cls=rows[:, :, 0].sum(dim=1))


def _through_time(last: Rollout, attention: Float[Tensor, "batch patch frame other"]) -> Rollout:
    tubes = _mix(last.patches.transpose(1, 2), attention, kept=KEPT)
    return Rollout(patches=tubes.transpose(1, 2), cls=last.cls)


def _mix(
    rows: Float[Tensor, "*group token"],
    attention: Float[Tensor, "*group token other"],
    *,
    kept: float,
) -> Float[Tensor, "*group other"]:
    return kept * rows + (1 - kept) * (rows[..., None, :] @ attention)[..., 0, :]


def _start_g(output: ModelOutput, maps: Maps, variant: Variant) -> Rollout:
    batch, _, frames, _, tokens, _ = maps.space.shape
    return Rollout(maps.space.new_zeros(batch, frames, tokens - 1), maps.space.new_ones(batch))


def _start_s(output: ModelOutput, maps: Maps, variant: Variant) -> Rollout:
    if maps.fgs is None:
        raise ValueError("no maps of FGS in this output")
    # v_s is the mean over the frames, each with its own copy of the class token.
    row = _first_row(maps.fgs, variant) / maps.fgs.shape[2]
    return Rollout(_put(row[..., 1:], output, maps, variant), row[..., 0].sum(dim=1))


def _start_t(output: ModelOutput, maps: Maps, variant: Variant) -> Rollout:
    if maps.fgt is None:
        raise ValueError("no maps of FGT in this output")
    row = _first_row(maps.fgt, variant)
    chosen = rearrange(row[:, 1:], "batch (frame k) -> batch frame k", frame=maps.space.shape[2])
    return Rollout(_put(chosen, output, maps, variant), row[:, 0])


def _first_row(
    maps: Float[Tensor, "batch block *frame head token other"], variant: Variant
) -> Float[Tensor, "batch *frame token"]:
    """Roll the class token back through the blocks of a branch."""
    row = torch.zeros_like(maps[:, 0, ..., 0, 0, :])
    row[..., 0] = 1
    for block in reversed(range(maps.shape[1])):
        kept = 0.0 if variant.bare_branches else KEPT
        row = _mix(row, maps[:, block].mean(dim=-3), kept=kept)
    return row


def _put(
    chosen: Float[Tensor, "batch frame k"], output: ModelOutput, maps: Maps, variant: Variant
) -> Float[Tensor, "batch frame patch"]:
    """Put what goes to the selected tokens where those tokens are in the clip."""
    assert output.selected is not None
    frames, patches = maps.space.shape[2], maps.space.shape[-1] - 1
    place = _places(output.selected, frames, patches, variant).flatten(1)
    blank = chosen.new_zeros(len(chosen), frames * patches)
    return blank.scatter(1, place, chosen.flatten(1)).view(-1, frames, patches)


def _places(
    selected: Int64[Tensor, "batch frame k"], frames: int, patches: int, variant: Variant
) -> Int64[Tensor, "batch frame k"]:
    """Return frame * patches + patch of each selected token."""
    place = torch.arange(frames, device=selected.device)[:, None] * patches + selected
    if not variant.token_order:
        return place
    # The token taken is the one at this place of a sequence that counts patch * frames + frame.
    return place % frames * patches + place // frames


def _maps_of(output: ModelOutput) -> Maps:
    if output.maps is None:
        raise ValueError("no maps in this output; call the model with maps=True")
    return output.maps


def _branches(output: ModelOutput, branch: str | None) -> tuple[str, ...]:
    """Name the branches whose mean is wanted; "concat" and "sum" stand for all features."""
    known = tuple(name for name in output.features if name in _START)
    if branch is None:
        return output.branches if set(output.branches) <= set(known) else known
    if branch not in known:
        raise ValueError(f"branch: wanted one of {', '.join(known)}, got {branch!r}")
    return (branch,)


def _mean(rollouts: list[Rollout]) -> Rollout:
    return Rollout(
        patches=torch.stack([one.patches for one in rollouts]).mean(dim=0),
        cls=torch.stack([one.cls for one in rollouts]).mean(dim=0),
    )


_START: Final[Mapping[str, Callable[[ModelOutput, Maps, Variant], Rollout]]] = {
    "g": _start_g,
    "s": _start_s,
    "t": _start_t,
}
