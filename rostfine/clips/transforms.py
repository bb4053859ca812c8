"""From stored clips to what a model sees, and the changes a clip may undergo in training."""

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

MOST_BRIGHTER: Final = 0.1
"""Of the full range of intensities."""

MOST_CONTRAST: Final = 0.2
"""Contrast is multiplied by 1 plus or minus up to this."""


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


def augment(
    clips: Float[Tensor, "batch chan frame row col"], generator: torch.Generator
) -> Float[Tensor, "batch chan frame row col"]:
    """Turn, flip, brighten and stretch each clip at random, all its frames alike.

    A swimming sperm has no up, and its grade no handedness: each of the eight ways to lay a
    square on itself is as likely (a clip that is not square is only flipped). Brightness and
    contrast are those of a microscope's lamp and camera.
    """
    batch = len(clips)
    ways = _ways_to_lay(*clips.shape[3:]).to(clips.device)
    draws = torch.rand(3, batch, 1, 1, generator=generator, device=generator.device)
    way, contrast, brighter = draws.to(clips.device)
    contrast = 1 + MOST_CONTRAST * (2 * contrast - 1)
    brighter = MOST_BRIGHTER / PIXEL_STD * (2 * brighter - 1)

    images = clips.flatten(1, 2).flatten(2)
    mean = images.mean(dim=(1, 2), keepdim=True)
    chosen = ways[(way[:, 0, 0] * len(ways)).long()]
    laid = images.gather(2, chosen[:, None].expand_as(images))
    laid = laid.mul_(contrast).add_(mean * (1 - contrast) + brighter)
    return laid.view_as(clips)


def _ways_to_lay(rows: int, cols: int) -> Int64[Tensor, "way pixel"]:
    """Return, for each way to lay a frame on itself, which pixel comes to lie at each place."""
    pixels = torch.arange(rows * cols).view(rows, cols)
    upright = [pixels, pixels.T] if rows == cols else [pixels]
    ways = [way for one in upright for way in (one, one.flip(0), one.flip(1), one.flip(0, 1))]
    return torch.stack([way.flatten() for way in ways])


def _scaled_size(rows: int, cols: int, shorter_px: int) -> tuple[int, int]:
    if rows <= cols:
        return shorter_px, cols * shorter_px // rows
    return rows * shorter_px // cols, shorter_px
