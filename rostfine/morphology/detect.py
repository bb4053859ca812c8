"""From a picture to the instances that a network finds in it."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from jaxtyping import Float32
from numpy import ndarray

from rostfine.models.mask_rcnn import Found, HeadBatch, HeadNet
from rostfine.morphology.heads import Instance, Picture, Rle, encode_at
from rostfine.training.feed import Feed

INSIDE = 0.5
"""Probability from which on a pixel is of the instance."""


@torch.inference_mode()
def detect(model: HeadNet, batch: HeadBatch, classes: Sequence[str]) -> list[list[Instance]]:
    """Find the instances of each picture of a batch, the surest first."""
    found = model.eval()(batch)
    sizes = [(int(image.shape[1]), int(image.shape[2])) for image in batch.images]
    return [as_instances(one, size, classes) for one, size in zip(found, sizes, strict=True)]


def detect_all(
    model: HeadNet, feed: Feed, pictures: Sequence[Picture], *, batch: int
) -> list[Picture]:
    """Return pictures with what is found in them instead of what is known."""
    if not pictures:
        return []
    parts = torch.split(torch.arange(len(pictures)), batch)
    classes = feed.clips.classes  # type: ignore[union-attr]
    found = [one for inputs in feed.batches(parts) for one in detect(model, inputs, classes)]
    return [
        replace(picture, instances=tuple(instances))
        for picture, instances in zip(pictures, found, strict=True)
    ]


def as_instances(found: Found, size: tuple[int, int], classes: Sequence[str]) -> list[Instance]:
    """Return what was found in a picture of `size` (rows, columns), each with its mask."""
    numbers = (found.boxes_px, found.classes, found.scores, found.masks)
    boxes, labels, scores, masks = (one.float().cpu().numpy() for one in numbers)
    return [
        Instance(
            classes[int(label) - 1],
            (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
            paste(mask, box, size),
            score=float(score),
        )
        for box, label, score, mask in zip(boxes, labels, scores, masks, strict=True)
    ]


def paste(
    mask: Float32[ndarray, "side side"], box_px: Float32[ndarray, "4"], size: tuple[int, int]
) -> Rle:
    """Lay a small mask over its box in a picture of `size` (rows, columns).

    As torchvision pastes it: one pixel of margin, and whole pixels from the box's corners.
    """
    side = mask.shape[0]
    margin = np.pad(mask, 1)
    left, top, right, bottom = _grown(box_px, (side + 2) / side)
    width, height = max(right - left + 1, 1), max(bottom - top + 1, 1)
    inside = cv2.resize(margin, (width, height), interpolation=cv2.INTER_LINEAR) > INSIDE
    rows, cols = size
    x, y = max(left, 0), max(top, 0)
    part = inside[y - top : rows - top, x - left : cols - left]
    return encode_at(part, min(x, cols), min(y, rows), size)


def _grown(box_px: Float32[ndarray, "4"], factor: float) -> tuple[int, int, int, int]:
    left, top, right, bottom = box_px.astype(np.float64)
    across, down = factor * (right - left) / 2, factor * (bottom - top) / 2
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    corners = (middle_x - across, middle_y - down, middle_x + across, middle_y + down)
    return tuple(int(one) for one in corners)  # type: ignore[return-value]
