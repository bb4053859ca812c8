"""Which of the instances found count: those sure enough, and one for each head."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pycocotools import mask as coco

from rostfine.morphology.heads import Instance, Picture
from rostfine.morphology.params import HEADS, Role

SAME = 0.5
"""Overlap (IoU) from which on two outlines are of one head."""


def surer(picture: Picture, least_score: float) -> Picture:
    """Return a picture with what reaches a score alone."""
    kept = tuple(one for one in picture.instances if one.score >= least_score)
    return replace(picture, instances=kept)


def in_use(picture: Picture, roles: Mapping[str, Role], least_score: float) -> Picture:
    """Return a picture with the instances that count alone."""
    kept = tuple(counted(picture.instances, roles, least_score))
    return replace(picture, instances=kept)


def counted(
    instances: Sequence[Instance], roles: Mapping[str, Role], least_score: float
) -> list[Instance]:
    """Return the instances that reach a score, the surest first.

    A network finds classes one by one, so that it may call one head good and bad, too; a head is
    one thing, and the surer class is kept. Parts of heads are kept beside them.
    """
    kept: list[Instance] = []
    for one in sorted(instances, key=lambda one: -one.score):
        if one.score < least_score:
            break
        heads = [other.mask for other in kept if roles[other.class_name] in HEADS]
        is_head = roles[one.class_name] in HEADS
        if is_head and heads and coco.iou(heads, [one.mask], [0]).max() >= SAME:
            continue
        kept.append(one)
    return kept
