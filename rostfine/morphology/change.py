"""Random changes of pictures in training: a head has no up, and a microscope no fixed focus."""

import math

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from rostfine.models.mask_rcnn import HeadBatch
from rostfine.morphology.params import ChangeParams

DRAWN = 5


class Changing(nn.Module):
    """A network that sees pictures changed at random while it is trained.

    What is drawn comes from torch's own generator, whose state is kept with each checkpoint.
    """

    def __init__(self, model: nn.Module, params: ChangeParams | None) -> None:
        super().__init__()
        self.model, self.params = model, params

    def forward(self, batch: HeadBatch, speed: None = None) -> object:
        """Change the pictures and what is to be found in them, and let the network look."""
        if self.params is not None and self.training:
            batch = change(batch, self.params)
        return self.model(batch)


def change(batch: HeadBatch, params: ChangeParams) -> HeadBatch:
    """Change some of the pictures of a batch, each by itself, with their targets."""
    images, targets = [], []
    # Always as many numbers, so that one setting does not move the draws of another.
    numbers = torch.rand(len(batch.images), DRAWN).tolist()
    for image, target, (chosen, *drawn) in zip(batch.images, batch.targets, numbers, strict=True):
        here, wanted = image, dict(target)
        if chosen < params.share:
            across, down, turn, blur = drawn
            flips = [-1] * (params.flip and across < 0.5) + [-2] * (params.flip and down < 0.5)
            here, wanted = _lay(here, wanted, flips, int(4 * turn) if params.quarter else 0)
            here = _blur(here, blur * params.blur_px)
        images.append(here)
        targets.append(wanted)
    return HeadBatch(tuple(images), tuple(targets))


def _lay(
    image: UInt8[Tensor, "3 row col"], target: dict[str, Tensor], flips: list[int], quarters: int
) -> tuple[Tensor, dict[str, Tensor]]:
    boxes = target["boxes"]
    height, width = image.shape[1:]
    for axis in flips:
        side = width if axis == -1 else height
        boxes = _mirror(boxes, axis, side)
    for _ in range(quarters):
        left, top, right, bottom = boxes.unbind(dim=1)
        boxes = torch.stack([top, width - right, bottom, width - left], dim=1)
        height, width = width, height
    masks = target["masks"].flip(flips).rot90(quarters, (-2, -1)).contiguous()
    laid = image.flip(flips).rot90(quarters, (-2, -1)).contiguous()
    return laid, {**target, "boxes": boxes, "masks": masks}


def _mirror(boxes: Float[Tensor, "head 4"], axis: int, side: int) -> Float[Tensor, "head 4"]:
    left, top, right, bottom = boxes.unbind(dim=1)
    if axis == -1:
        return torch.stack([side - right, top, side - left, bottom], dim=1)
    return torch.stack([left, side - bottom, right, side - top], dim=1)


def _blur(image: UInt8[Tensor, "3 row col"], sd_px: float) -> UInt8[Tensor, "3 row col"]:
    """Blur by a Gaussian, along rows and then along columns; borders are mirrored."""
    radius = min(math.ceil(3 * sd_px), min(image.shape[1:]) - 1)
    if radius < 1:
        return image
    places = torch.arange(-radius, radius + 1, device=image.device)
    bell = torch.exp(-0.5 * (places / sd_px) ** 2)
    bell = (bell / bell.sum()).view(1, 1, 1, -1)
    padded = F.pad(image.float()[:, None], (radius,) * 4, mode="reflect")
    blurred = F.conv2d(F.conv2d(padded, bell), bell.mT)
    return blurred.squeeze(1).round().clamp(0, 255).byte()
