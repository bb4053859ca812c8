"""Shapes joined into heads and their parts, as the classes of params say."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from pycocotools import mask as coco

from rostfine.morphology.fitted import Shape
from rostfine.morphology.heads import Instance
from rostfine.morphology.matching import overlaps
from rostfine.morphology.params import HEADS, Classes, ClassParams

SAME_IOU: Final = 0.9
"""Two outlines in one picture that overlap by more are of one head."""


def join(shapes: Sequence[Shape], classes: Classes) -> tuple[Instance, ...]:
    """Return an instance of each class for all shapes of one group, or for one that has none."""
    return tuple(
        _instance(name, own) for name, one in classes.items() for own in _tied(shapes, one.labels)
    )


def labels_of_parts(pictures: Iterable[Sequence[Shape]], classes: Classes) -> Classes:
    """Return the classes with those labels only that are parts of one thing.

    Labels are parts if they stand together in a group anywhere; else they are names for the same.
    """
    parts = defaultdict[str, set[str]](set)
    for shapes in pictures:
        for name, one in classes.items():
            for own in _tied(shapes, one.labels):
                labels = {shape.label for shape in own}
                parts[name] |= labels if len(labels) > 1 else set()
    return {
        name: ClassParams(tuple(label for label in one.labels if label in parts[name]), one.role)
        for name, one in classes.items()
    }


def missing_parts(shapes: Sequence[Shape], parts: Classes) -> list[str]:
    """Return a line for each instance that lacks some of the parts that others have."""
    lines = []
    for name, one in parts.items():
        for own in _tied(shapes, one.labels):
            got = [label for label in one.labels if label in {shape.label for shape in own}]
            if len(got) < len(one.labels):
                called = (
                    f"{name} of group {own[0].group}" if own[0].group else f"{name} of no group"
                )
                lines.append(f"{called}: wanted {', '.join(one.labels)}, got {', '.join(got)} only")
    return lines


def met_again(shapes: Sequence[Shape], classes: Classes) -> list[str]:
    """Return a line for each two whole heads that are one: of one group, or outlined alike."""
    heads = [one for one in join(shapes, classes) if classes[one.class_name].role in HEADS]
    ious = overlaps(heads, heads)
    groups = np.array([one.group for one in heads], str)
    is_tied = (groups[:, None] == groups) & (groups != "")
    lines = []
    for i, j in np.argwhere(np.triu(is_tied | (ious > SAME_IOU), 1)).tolist():
        got = f"both of group {groups[i]}" if is_tied[i, j] else f"an overlap of {ious[i, j]:.2f}"
        called = " and ".join(_at(one) for one in (heads[i], heads[j]))
        lines.append(f"{called}: wanted each head once, got {got}")
    return lines


def _at(head: Instance) -> str:
    left_px, top_px, *_ = head.box_px
    return f"{head.class_name} at {left_px:.0f}, {top_px:.0f} px"


def _tied(shapes: Sequence[Shape], labels: Sequence[str]) -> list[list[Shape]]:
    tied = defaultdict[str, list[Shape]](list)
    for number, shape in enumerate(shapes):
        if shape.label in labels:
            # A group's name is a number or a text, but never has a line break.
            tied[shape.group or f"\n{number}"].append(shape)
    return list(tied.values())


def _instance(name: str, own: Sequence[Shape]) -> Instance:
    lefts, tops, rights, bottoms = zip(*(shape.box_px for shape in own), strict=True)
    return Instance(
        name,
        (min(lefts), min(tops), max(rights), max(bottoms)),
        coco.merge([shape.mask for shape in own]),
        outlined=all(shape.outlined for shape in own),
        group=own[0].group,
    )
