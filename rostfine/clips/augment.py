"""The changes a clip may undergo in training: first the numbers, for a whole batch, then pixels.

A swimming sperm has no up, and its grade no handedness; brightness, contrast and focus are those
of a microscope's lamp, camera and stage. All frames of a clip change alike.
"""

import math
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor
from torch.nn import functional as F

from rostfine.clips.transforms import PIXEL_STD
from rostfine.params import AugmentParams


@dataclass(frozen=True)
class Draws:
    """What becomes of each clip: turned, then flipped, then shifted, blurred and lit anew."""

    turn: Float32[Tensor, " clip"]  # anticlockwise, of a full turn
    flip: Float32[Tensor, " clip"]  # 1: left to right; 0: not
    down: Float32[Tensor, " clip"]  # of the number of rows
    right: Float32[Tensor, " clip"]  # of the number of columns
    brighter: Float32[Tensor, " clip"]  # of the full range of intensities
    contrast: Float32[Tensor, " clip"]  # a factor
    blur_px: Float32[Tensor, " clip"]  # standard deviation of a Gaussian

    def take(self, rows: Int64[Tensor, " taken"] | slice) -> "Draws":
        """Return the draws of some of the clips."""
        return Draws(*(getattr(self, field.name)[rows] for field in fields(self)))


def draw(count: int, params: AugmentParams, generator: torch.Generator) -> Draws:
    """Draw what becomes of `count` clips, on the CPU.

    Always as many numbers, so that one setting does not move the draws of another.
    """
    numbers = torch.rand(count, len(fields(Draws)), generator=generator)
    turn, flip, down, right, brighter, contrast, blur = numbers.unbind(dim=1)
    return Draws(
        turn={"none": 0 * turn, "quarter": (4 * turn).floor() / 4, "any": turn}[params.turn],
        flip=(flip < 0.5).float() * params.flip,
        down=params.shift * (2 * down - 1),
        right=params.shift * (2 * right - 1),
        brighter=params.brightness * (2 * brighter - 1),
        contrast=1 + params.contrast * (2 * contrast - 1),
        blur_px=params.blur_px * blur,
    )


def augment(
    clips: Float[Tensor, "batch chan frame row col"], draws: Draws, params: AugmentParams
) -> Float[Tensor, "batch chan frame row col"]:
    """Change standardised clips as drawn with the same `params`, where they are, each by itself.

    Quarter turns and flips alone move pixels and change none; with other turns, or shifts, pixels
    are interpolated between four, and what lies outside mirrors what lies inside. A clip that is
    not square cannot lie on its side: of the quarter turns it makes only half turns.
    """
    images = clips.flatten(1, 2)
    if params.turn == "any" or params.shift > 0:
        images = _resample(images, draws, _turns(draws, params, images))
    elif params.turn == "quarter" or params.flip:
        images = _lay(images, draws, _turns(draws, params, images))
    if params.blur_px > 0:
        images = _blur(images, draws.blur_px, radius=math.ceil(3 * params.blur_px))
    if params.brightness > 0 or params.contrast > 0:
        images = _light(images, draws)
    return images.view_as(clips)


def _turns(
    draws: Draws, params: AugmentParams, images: Float[Tensor, "batch image row col"]
) -> Float32[Tensor, " batch"]:
    if params.turn == "quarter" and images.shape[2] != images.shape[3]:
        return (2 * draws.turn).floor() / 2
    return draws.turn


def _lay(
    images: Float[Tensor, "batch image row col"], draws: Draws, turns: Float32[Tensor, " batch"]
) -> Float[Tensor, "batch image row col"]:
    """Lay each image on itself, by quarter turns and flips, exactly."""
    rows, cols = images.shape[2:]
    pixels = torch.arange(rows * cols, device=images.device).view(rows, cols)
    by = 1 if rows == cols else 2
    turned = [pixels.rot90(quarters) for quarters in range(0, 4, by)]
    ways = torch.stack([one.flatten() for way in turned for one in (way, way.fliplr())])
    chosen = ways[(2 * (4 // by) * turns + draws.flip).long().to(images.device)]
    flat = images.flatten(2)
    return flat.gather(2, chosen[:, None].expand_as(flat)).view_as(images)


def _resample(
    images: Float[Tensor, "batch image row col"], draws: Draws, turns: Float32[Tensor, " batch"]
) -> Float[Tensor, "batch image row col"]:
    """Turn by any angle, flip and shift in one go: each pixel is interpolated once."""
    rows, cols = images.shape[2:]
    # Few numbers, on the CPU in double precision: the same for a clip alone and among others.
    angle = 2 * math.pi * turns.double()
    cos, sin, mirror = angle.cos(), angle.sin(), 1 - 2 * draws.flip.double()
    right, down = cols * draws.right.double(), rows * draws.down.double()
    # Where a pixel comes from, in pixels from the centre: source = matrix @ (place - shift).
    matrix = torch.stack([mirror * cos, -sin, mirror * sin, cos], dim=1).view(-1, 2, 2)
    start = -matrix @ torch.stack([right, down], dim=1)[..., None]
    # `grid_sample` counts from the centre in halves of a side.
    halves = torch.tensor([[cols / 2], [rows / 2]], dtype=torch.float64)
    along, across, start = (torch.cat([matrix, start], dim=2) / halves).to(images).unbind(dim=2)
    x = torch.arange(cols).to(images)[:, None] - (cols - 1) / 2
    y = torch.arange(rows).to(images)[:, None, None] - (rows - 1) / 2
    grid = along[:, None, None] * x + across[:, None, None] * y + start[:, None, None]
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _blur(
    images: Float[Tensor, "batch image row col"], sd_px: Float32[Tensor, " batch"], *, radius: int
) -> Float[Tensor, "batch image row col"]:
    """Convolve with a Gaussian sampled at pixels, down, then along; edges go on as they end."""
    offsets = torch.arange(-radius, radius + 1)
    # A Gaussian of no width is 1 at its centre, not 0 / 0.
    bell = torch.exp(-0.5 * (offsets / sd_px.clamp(min=1e-6)[:, None]) ** 2)
    weights = (bell / bell.sum(dim=1, keepdim=True)).to(images)[..., None, None, None]
    for dim, padding in ((2, (0, 0, radius, radius)), (3, (radius, radius, 0, 0))):
        padded = F.pad(images, padding, mode="replicate")
        images = torch.zeros_like(images)
        # One pass over all clips for each pixel of the kernel: as fast as a grouped convolution,
        # and in full precision on every device.
        for place in range(2 * radius + 1):
            images.addcmul_(padded.narrow(dim, place, images.shape[dim]), weights[:, place])
    return images


def _light(
    images: Float[Tensor, "batch image row col"], draws: Draws
) -> Float[Tensor, "batch image row col"]:
    """Stretch intensities about the mean of the clip, and add to them."""
    contrast, brighter = (
        numbers.to(images)[:, None, None, None]
        for numbers in (draws.contrast, draws.brighter / PIXEL_STD)
    )
    # Image by image first: then a clip's mean is summed alike in batches of any size.
    mean = images.mean(dim=(2, 3), keepdim=True).mean(dim=1, keepdim=True)
    return torch.addcmul(mean * (1 - contrast) + brighter, images, contrast)
