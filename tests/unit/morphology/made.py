"""Heads, pictures and a network as small as tests need them."""

from pathlib import Path
from typing import Final

import numpy as np

from rostfine.model_params import HeadNetParams
from rostfine.morphology.heads import Box, Instance, Picture, encode

SIZE_PX: Final = 60
SMALL_NET: Final = HeadNetParams(
    backbone="resnet18-fpn",
    pretrained=None,
    norm="batch",
    width=32,
    image_px=96,
    anchors="fitted",
    rois=16,
    score=0.5,
    nms=0.3,
    detections=5,
)


def make_head(
    box: Box, score: float = 1.0, *, name: str = "good", outlined: bool = True
) -> Instance:
    """Return a head that fills its box."""
    left, top, right, bottom = map(round, box)
    mask = np.zeros((SIZE_PX, SIZE_PX), dtype=bool)
    mask[top:bottom, left:right] = True
    edges = (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
    return Instance(name, edges, encode(mask), outlined=outlined, score=score)


def make_picture(*instances: Instance, name: str = "a") -> Picture:
    """Return a picture of the instances, without a file."""
    return Picture(name, Path(name), Path(name), SIZE_PX, SIZE_PX, instances)
