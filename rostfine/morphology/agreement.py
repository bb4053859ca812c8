"""How far two annotators of the same pictures agree on where heads are, and what they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from rostfine.errors import InputError
from rostfine.morphology.heads import Instance, Picture
from rostfine.morphology.matching import match_heads
from rostfine.morphology.params import HEADS, ClassParams

LEAST_IOU: Final = 0.5
"""Overlap of masks from which on two annotators mean the same head."""


@dataclass(frozen=True)
class Agreement:
    """Of all heads in the pictures that both annotated; means are over the matched heads."""

    pictures: int
    matched: int
    only_first: int
    only_second: int
    same_class: int  # of those matched
    mean_iou: float | None
    mean_dice: float | None

    @property
    def f1(self) -> float | None:
        """Return the share of heads that both have, of the mean number that each has."""
        both = 2 * self.matched
        total = both + self.only_first + self.only_second
        return both / total if total else None


def agree(
    first: Sequence[Picture], second: Sequence[Picture], classes: Mapping[str, ClassParams]
) -> Agreement:
    """Match the heads of pictures of the same name, whatever their classes.

    Raises InputError if no picture is of both, or one has another size, or is twice in a folder.
    """
    by_name, others = _by_name(first), _by_name(second)
    names = sorted(set(by_name) & set(others))
    if not names:
        raise InputError("wanted pictures of the same names from both annotators, got none")
    matched, ious, same, only = 0, list[float](), 0, [0, 0]
    for name in names:
        one, other = by_name[name], others[name]
        sizes = [f"{picture.width_px}x{picture.height_px}" for picture in (one, other)]
        if sizes[0] != sizes[1]:
            raise InputError(f"{other.path}: wanted {sizes[0]} px as {one.path}, got {sizes[1]}")
        heads, found = _heads(one, classes), _heads(other, classes)
        matches = match_heads(heads, found, LEAST_IOU)
        matched += len(matches.pairs)
        ious += [iou for _, _, iou in matches.pairs]
        same += sum(heads[i].class_name == found[j].class_name for i, j, _ in matches.pairs)
        only = [only[0] + len(matches.missed), only[1] + len(matches.spurious)]
    dice = [2 * iou / (1 + iou) for iou in ious]
    return Agreement(len(names), matched, only[0], only[1], same, _mean(ious), _mean(dice))


def _by_name(pictures: Sequence[Picture]) -> dict[str, Picture]:
    named = {PurePosixPath(one.picture_id).name: one for one in pictures}
    if len(named) < len(pictures):
        raise InputError("wanted pictures of different names from an annotator, got the same twice")
    return named


def _heads(picture: Picture, classes: Mapping[str, ClassParams]) -> list[Instance]:
    return [one for one in picture.instances if classes[one.class_name].role in HEADS]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
