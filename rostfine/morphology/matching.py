"""Which heads that one side names are which of the other: a model and an annotator, or two."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64
from numpy import ndarray
from pycocotools import mask as coco

from rostfine.errors import InputError
from rostfine.morphology.heads import Instance, Picture

Pair = tuple[Picture, Picture]
"""A picture as it is in truth, and as found."""


@dataclass(frozen=True)
class Matches:
    """What belongs together: `pairs` of (place in truth, place in found, IoU), and what is left."""

    pairs: tuple[tuple[int, int, float], ...]
    missed: tuple[int, ...]
    spurious: tuple[int, ...]


def match_heads(truth: Sequence[Instance], found: Sequence[Instance], iou: float) -> Matches:
    """Give each found head, the surest first, the free true head that it overlaps most.

    An overlap below `iou` is none. Among equally sure ones the greatest overlap comes first, so
    that of two annotators neither has a say in the order. Classes do not matter.
    """
    ious = overlaps(truth, found)
    enough = [(i, j) for i, j in np.argwhere((ious >= iou) & (ious > 0)).tolist()]
    pairs: dict[int, tuple[int, int, float]] = {}
    taken: set[int] = set()
    for i, j in sorted(enough, key=lambda place: (-found[place[1]].score, -ious[place])):
        if i not in pairs and j not in taken:
            pairs[i] = (i, j, float(ious[i, j]))
            taken.add(j)
    return Matches(
        pairs=tuple(pairs[i] for i in sorted(pairs)),
        missed=tuple(i for i in range(len(truth)) if i not in pairs),
        spurious=tuple(j for j in range(len(found)) if j not in taken),
    )


def overlaps(
    truth: Sequence[Instance], found: Sequence[Instance]
) -> Float64[ndarray, "truth found"]:
    """Return the IoU of masks; that of boxes where only the box of either is known."""
    if not (truth and found):
        return np.zeros((len(truth), len(found)))
    each = [0] * len(found)
    ious = np.asarray(coco.iou([t.mask for t in truth], [f.mask for f in found], each))
    boxes = np.asarray(coco.iou(_corner_and_size(truth), _corner_and_size(found), each))
    outlined = np.outer([t.outlined for t in truth], [f.outlined for f in found])
    return np.where(outlined, ious, boxes)


def paired(truth: Sequence[Picture], found: Sequence[Picture]) -> list[Pair]:
    """Pair pictures by id, in the order of truth.

    Raises InputError if a picture is on one side only.
    """
    by_id = {picture.picture_id: picture for picture in found}
    odd = sorted({picture.picture_id for picture in truth} ^ set(by_id))
    if odd:
        raise InputError(f"found heads: wanted those of the same pictures, got one side of {odd}")
    return [(picture, by_id[picture.picture_id]) for picture in truth]


def outlined_only(pair: Pair, iou: float) -> Pair:
    """Leave out what is known by its box only, and what was found of it by class and box.

    What is left can be judged by its mask: neither a miss nor a false alarm is made of a head that
    nobody outlined.
    """
    truth, found = pair
    if all(one.outlined for one in (*truth.instances, *found.instances)):
        return pair
    seen: set[int] = set()
    for name in {one.class_name for one in truth.instances}:
        true, said = (_places(picture, name) for picture in pair)
        heads = [truth.instances[i] for i in true]
        matches = match_heads(heads, [found.instances[j] for j in said], iou)
        seen |= {said[j] for i, j, _ in matches.pairs if not heads[i].outlined}
    kept = [one for j, one in enumerate(found.instances) if j not in seen]
    return _outlined(truth, truth.instances), _outlined(found, kept)


def _places(picture: Picture, name: str) -> list[int]:
    return [i for i, one in enumerate(picture.instances) if one.class_name == name]


def _outlined(picture: Picture, instances: Sequence[Instance]) -> Picture:
    return replace(picture, instances=tuple(one for one in instances if one.outlined))


def _corner_and_size(instances: Sequence[Instance]) -> Float64[ndarray, "instance 4"]:
    boxes = np.array([one.box_px for one in instances], dtype=np.float64)
    return np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
