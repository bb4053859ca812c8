"""Weights that someone else trained, into a whole model of any input size."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from rostfine.errors import InputError
from rostfine.models.timesformer import resize_positions, resize_times
from rostfine.models.weight_files import read_weights
from rostfine.models.weight_layouts import layout_of
from rostfine.models.weight_report import LoadReport, first_of

COPIES_IN_TIME: Final = {"temporal_attn.": "attn.", "temporal_norm1.": "norm1."}
"""What attention in time starts from if the weights are those of an image transformer."""

OF_TIME: Final = ("temporal_", "time_embed")
"""What an image transformer does not have."""

ENCODER: Final = "encoder."
PATCHES: Final = "encoder.patch_embed.proj.weight"
POSITIONS: Final = "encoder.pos_embed"
TIMES: Final = "encoder.time_embed"
HEADS: Final = ("head.", "heads.")

IN_TIME: Final = "encoder.time."
"""The transformer of ViViT whose first token is of no frame."""

COUNTS: Final = "num_batches_tracked"
"""How long a norm has learnt, which no prediction depends on."""

INDISPENSABLE: Final = (
    *(f"encoder.{part}" for part in ("blocks.", "norm_pre.", "reg_token", "features.", "layer")),
    *("encoder.space.", IN_TIME),
)
"""Parts of an encoder that shaped what all others learnt; those cannot be used without them."""


def load_pretrained(
    model: nn.Module, source: str | Path, *, flat_positions: bool = False
) -> LoadReport:
    """Load a file (safetensors, or a torch file of plain weights) or `timm:<model name>`.

    The names in it may be those of any layout of `weight_layouts`. Position embeddings are resized
    on their grid, time embeddings along time; with `flat_positions` both as the published loader
    does. Heads of other classes or inputs and names that the model lacks are ignored. Nothing is
    loaded if anything is wrong: InputError names the source, and the weights that differ.
    """
    found = read_weights(source)
    layout = layout_of(found)
    names = {layout.rename(name): name for name in found}
    wanted = model.state_dict()
    usable = [name for name in wanted if name in names]
    if not any(name.startswith(ENCODER) for name in usable):
        raise InputError(
            f"{source}: no weights of this network; wanted names such as {first_of(wanted)}, "
            f"found {first_of(found)}"
        )
    weights = {name: found[names[name]] for name in usable}
    fitted = _without_other_heads(_resized(weights, wanted, flat=flat_positions), wanted)
    _check(source, weights, fitted, wanted, extra=set(names) - set(wanted))
    copied = _copied_into_time(fitted, wanted)
    model.load_state_dict(fitted | copied, strict=False)
    resized = [name for name in fitted if weights[name].shape != wanted[name].shape]
    return LoadReport(
        layout=layout.title,
        loaded=tuple(name for name in fitted if name not in resized),
        resized=tuple(resized),
        copied=tuple(copied),
        fresh=tuple(name for name in wanted if name not in fitted | copied),
        ignored=tuple(theirs for ours, theirs in names.items() if ours not in fitted),
    )


def _resized(
    weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor], *, flat: bool
) -> dict[str, Tensor]:
    fitted = dict(weights)
    if POSITIONS in weights and _has_grid(weights[POSITIONS]):
        resize = flat_resized if flat else grid_resized
        fitted[POSITIONS] = resize(weights[POSITIONS].float(), wanted[POSITIONS].shape[1])
    if TIMES in weights and weights[TIMES].ndim == 3:
        mode = "nearest" if flat else "linear"
        kept = int(any(name.startswith(IN_TIME) for name in wanted))
        times, tokens = weights[TIMES].float(), wanted[TIMES].shape[1]
        fitted[TIMES] = resize_times(times, tokens, mode=mode, kept=kept)
    return fitted


def _has_grid(embed: Tensor) -> bool:
    """Whether these are the positions of a class token and of a square of patches."""
    return embed.ndim == 3 and _side_of(embed.shape[1]) ** 2 == embed.shape[1] - 1


def _side_of(tokens: int) -> int:
    return math.isqrt(tokens - 1)


def grid_resized(
    embed: Float[Tensor, "1 token dim"], tokens: int
) -> Float[Tensor, "1 other_token dim"]:
    """Resize the positions of a square grid of patches to another square grid."""
    side = _side_of(tokens)
    return resize_positions(embed, side, side, mode="bicubic")


def flat_resized(
    embed: Float[Tensor, "1 token dim"], tokens: int
) -> Float[Tensor, "1 other_token dim"]:
    """Resize positions along their one axis, row after row, as the published loader does.

    This moves patches to other places of the grid unless the sizes are equal.
    """
    if embed.shape[1] == tokens:
        return embed
    flat = F.interpolate(embed[:, 1:].transpose(1, 2), size=tokens - 1, mode="nearest")
    return torch.cat([embed[:, :1], flat.transpose(1, 2)], dim=1)


def _without_other_heads(
    fitted: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Leave out heads of other classes or inputs, the bias together with the weight."""
    other = {
        name.rpartition(".")[0]
        for name, weight in fitted.items()
        if name.startswith(HEADS) and weight.shape != wanted[name].shape
    }
    return {name: w for name, w in fitted.items() if name.rpartition(".")[0] not in other}


def _check(
    source: str | Path,
    weights: Mapping[str, Tensor],
    fitted: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    *,
    extra: Iterable[str],
) -> None:
    """Raise InputError with every reason why the weights are those of another encoder."""
    faults = [
        f"{source}: {_difference(name, wanted[name].shape, weights[name].shape)}"
        for name, weight in fitted.items()
        if weight.shape != wanted[name].shape
    ]
    forgiven = (*OF_TIME, COUNTS)
    vital = [n for n in wanted if n.startswith(ENCODER) and not any(part in n for part in forgiven)]
    missing = [name for name in vital if name not in fitted]
    if missing:
        faults.append(
            f"{source}: wanted every weight of the encoder, found none for {first_of(missing)}"
        )
    strange = sorted(name for name in extra if name.startswith(INDISPENSABLE))
    if strange:
        faults.append(
            f"{source}: found weights for which this encoder has no place: {first_of(strange)}"
        )
    if faults:
        raise InputError.of_faults(faults)


def _difference(name: str, wanted: torch.Size, found: torch.Size) -> str:
    if name == PATCHES and wanted[:-2] == found[:-2]:
        return f"{name}: wanted patches of {wanted[-1]} px, found {found[-1]} px"
    return f"{name}: wanted {tuple(wanted)}, found {tuple(found)}"


def _copied_into_time(
    fitted: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    copied = {}
    for name in wanted:
        for in_time, in_space in COPIES_IN_TIME.items():
            source = name.replace(in_time, in_space)
            if in_time in name and name not in fitted and source in fitted:
                copied[name] = fitted[source]
    return copied
