"""Pictures as the training loop is given them, and as Mask R-CNN sees them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64, UInt8
from numpy import ndarray
from torch import Tensor

from rostfine.models.anchors import Anchors, fit_anchors
from rostfine.models.mask_rcnn import HeadBatch
from rostfine.morphology.heads import Box, Picture, decode
from rostfine.morphology.params import Classes
from rostfine.morphology.splits import leading_class
from rostfine.morphology.stored import read_image
from rostfine.training.data import Samples


@dataclass(frozen=True)
class Pictures:
    """Pictures that stay in their files until wanted: a `rostfine.training.data.Stored`."""

    pictures: tuple[Picture, ...]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self.pictures)

    def take(self, rows: Int64[Tensor, " taken"]) -> "Pictures":
        """Return some of the pictures, unread."""
        return Pictures(tuple(self.pictures[row] for row in rows.tolist()), self.classes)

    def read(self, rows: Int64[Tensor, " taken"]) -> HeadBatch:
        """Read some of the pictures, and what is to be found in them.

        Raises InputError naming one that cannot be read.
        """
        some = [self.pictures[row] for row in rows.tolist()]
        images = tuple(to_image(read_image(one)) for one in some)
        return HeadBatch(images, tuple(targets_of(one, self.classes) for one in some))


def to_image(pixels: UInt8[ndarray, "row col 3"]) -> UInt8[Tensor, "3 row col"]:
    """Lay (row, col, chan) as a network wants it."""
    # A copy, because torch warns of arrays that it may not write to.
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def targets_of(picture: Picture, classes: Sequence[str]) -> dict[str, Tensor]:
    """Return boxes, classes (from 1) and masks of a picture."""
    heads = picture.instances
    masks = np.zeros((len(heads), picture.height_px, picture.width_px), np.uint8)
    for place, one in enumerate(heads):
        masks[place] = decode(one.mask)
    return {
        "boxes": torch.tensor([one.box_px for one in heads]).float().view(-1, 4),
        "labels": torch.tensor([classes.index(one.class_name) + 1 for one in heads]).long(),
        "masks": torch.from_numpy(masks),
    }


def as_samples(pictures: Sequence[Picture], classes: Classes) -> Samples:
    """Return pictures as the loop is given them; the label of one is its leading class."""
    names = tuple(classes)
    labels = torch.zeros(len(pictures), len(names))
    for row, one in enumerate(pictures):
        leading = leading_class(one, classes)
        if leading in classes:
            labels[row, names.index(leading)] = 1.0
    ids = tuple(one.picture_id for one in pictures)
    return Samples(Pictures(tuple(pictures), names), labels, names=ids)


def fill_up(
    pictures: Sequence[Picture], classes: Classes, per_class: int | None, seed: int
) -> list[Picture]:
    """Return as many pictures of each class: some of it, or all of it and some again.

    Without `per_class` all pictures once. Pictures without a head stay as they are.
    """
    if per_class is None:
        return list(pictures)
    draws = np.random.default_rng(seed)
    of_class: dict[str, list[Picture]] = {}
    for one in pictures:
        of_class.setdefault(leading_class(one, classes), []).append(one)
    chosen = []
    for name, own in sorted(of_class.items()):
        wanted = per_class if name in classes else len(own)
        rounds = [draws.permutation(len(own)) for _ in range(-(-wanted // len(own)))]
        chosen += [own[place] for place in np.concatenate(rounds)[:wanted]]
    return chosen


def fitted_anchors(pictures: Sequence[Picture], image_px: int) -> Anchors:
    """Fit anchors to the boxes of pictures, as the network sees them."""
    sides = [
        _sides(one.box_px) * (image_px / max(picture.height_px, picture.width_px))
        for picture in pictures
        for one in picture.instances
    ]
    return fit_anchors(np.array(sides))


def _sides(box_px: Box) -> Float64[ndarray, "2"]:
    left, top, right, bottom = box_px
    return np.array([right - left, bottom - top], np.float64)
