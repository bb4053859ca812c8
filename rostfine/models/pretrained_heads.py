"""Weights that someone else trained, into Mask R-CNN: all (COCO), or its ResNet (ImageNet)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from torch import Tensor

from rostfine.errors import InputError
from rostfine.models.mask_rcnn import HeadNet
from rostfine.models.weight_files import read_weights
from rostfine.models.weight_report import LoadReport, first_of

NET: Final = "net."
BODY: Final = "net.backbone.body."
COUNTS: Final = "num_batches_tracked"
"""How long a norm has learnt; old files do not say."""
LAST: Final = "fc."
"""What a ResNet of ImageNet has besides."""


def load_head_weights(model: HeadNet, source: str | Path) -> LoadReport:
    """Load a file of torchvision's weights, by their own names.

    What differs in shape stays fresh: other classes, anchors, or widths. The ResNet must fit whole:
    else InputError names the source and the weights that differ, and nothing is loaded.
    """
    found = read_weights(source)
    whole = any(name.startswith("backbone.body.") for name in found)
    named = {(NET if whole else BODY) + name: tensor for name, tensor in found.items()}
    wanted = model.state_dict()
    fitting = {k: v for k, v in named.items() if k in wanted and v.shape == wanted[k].shape}
    _check(source, named, fitting, wanted)
    model.load_state_dict(fitting, strict=False)
    return LoadReport(
        layout="torchvision's Mask R-CNN" if whole else "torchvision's ResNet",
        loaded=tuple(fitting),
        resized=(),
        copied=(),
        fresh=tuple(name for name in wanted if name not in fitting),
        ignored=tuple(name for name in named if name not in fitting),
    )


def _check(
    source: str | Path,
    named: Mapping[str, Tensor],
    fitting: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
) -> None:
    body = [name for name in wanted if name.startswith(BODY) and not name.endswith(COUNTS)]
    missing = [name.removeprefix(BODY) for name in body if name not in fitting]
    # Layers of a deeper ResNet have names that this one lacks.
    extra = [
        name.removeprefix(BODY)
        for name in named
        if name.startswith(BODY) and name not in wanted and not _is_spare(name)
    ]
    if missing or extra:
        raise InputError(
            f"{source}: weights of another network: its ResNet lacks {first_of(missing)} in this "
            f"shape, and has {first_of(extra)} besides"
        )


def _is_spare(name: str) -> bool:
    return name.startswith(BODY + LAST) or name.endswith(COUNTS)
