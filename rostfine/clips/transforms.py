"""From stored clips to what a model sees."""

from typing import Final

import torch
from einops import rearrange
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.nn import functional as F

from rostfine.params import InputParams

PIXEL_MEAN: Final = 0.45
PIXEL_STD: Final = 0.225
"""What the weights pretrained on Kinetics-400 were trained with, of intensities from 0 to 1."""


def to_input(
    clips: UInt8[Tensor, "batch frame row col chan"], params: InputParams
) -> Float[Tensor, "batch chan other_frame other_row other_col"]:
    """Pick frames evenly, resize the shorter side to `image_px`, and standardise intensities.

    Resizing is bilinear between pixel centres; when it shrinks, each pixel is a mean weighted
    over all that it covers, so that nothing thin is lost between samples.
    """
    picked = clips[:, frame_indices(clips.shape[1], params.frames).to(clips.device)]
    # Frames and colours become one axis of images while a value is still one byte.
    planes = rearrange(picked, "batch frame row col chan -> batch (chan frame) row col")
    values = planes.contiguous().float()
    rows, cols = values.shape[2:]
    size = _scaled_size(rows, cols, params.image_px)
    if size != (rows, cols):
        values = F.interpolate(values, size, mode="bilinear", antialias=True)
    values = values.div_(255 * PIXEL_STD).sub_(PIXEL_MEAN / PIXEL_STD)
    return values.reshape(len(clips), -1, params.frames, *size)


def frame_indices(available: int, wanted: int) -> Int64[Tensor, " wanted"]:
    """Return `wanted` frames spread from the first to the last, rounded down.

    16 to 8 gives 0, 2, 4, 6, 8, 10, 12, 15; more than there are repeats some.
    """
    return torch.arange(wanted) * (available - 1) // max(wanted - 1, 1)


def _scaled_size(rows: int, cols: int, shorter_px: int) -> tuple[int, int]:
    if rows <= cols:
        return shorter_px, cols * shorter_px // rows
    return rows * shorter_px // cols, shorter_px
