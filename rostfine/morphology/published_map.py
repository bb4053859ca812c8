"""The mAP as published: that of Matterport's Mask R-CNN, which PixelLib passed on.

In each picture for itself, all classes at once: detections by falling score, each given the free
head of its class that it overlaps most, by masks, at IoU 0.5; then the area below the interpolated
precision (PASCAL VOC, Everingham et al. 2010, section 4.2, over all recalls). The mean is over
pictures. It is not COCO's AP: a score is compared only with others of its own picture.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool
from numpy import ndarray

from rostfine.morphology.heads import Instance, Picture
from rostfine.morphology.matching import Pair, overlaps, paired

IOU: Final = 0.5


def published_aps(
    truth: Sequence[Picture], found: Sequence[Picture], classes: Iterable[str]
) -> pd.Series:
    """Return the AP of each picture, by its id; the published mAP is their mean.

    It is NaN where a picture has no head, or one that is known by its box only: there the published
    code has no answer, for each of its pictures had outlined ones. Raises InputError if a picture
    is on one side only.
    """
    names = frozenset(classes)
    pairs = paired(truth, found)
    values = [_ap(pair, names) for pair in pairs]
    return pd.Series(values, [true.picture_id for true, _ in pairs], dtype=np.float64)


def published_map(
    truth: Sequence[Picture], found: Sequence[Picture], classes: Iterable[str]
) -> float:
    """Return the mean AP of the pictures that have one, NaN if none has."""
    return float(published_aps(truth, found, classes).mean())


def _ap(pair: Pair, names: frozenset[str]) -> float:
    true, said = ([one for one in p.instances if one.class_name in names] for p in pair)
    if not true or not all(one.outlined for one in true):
        return float("nan")
    said = sorted((one for one in said if one.outlined), key=lambda one: -one.score)
    return _below_curve(_hits(true, said), len(true))


def _hits(true: Sequence[Instance], said: Sequence[Instance]) -> Bool[ndarray, " said"]:
    same = np.array([[t.class_name == s.class_name for s in said] for t in true], dtype=bool)
    ious = overlaps(true, said)
    free = np.where(same.reshape(ious.shape) & (ious >= IOU), ious, 0.0)
    hits = np.zeros(len(said), dtype=bool)
    for j in range(len(said)):
        best = int(free[:, j].argmax())
        hits[j] = free[best, j] > 0
        if hits[j]:
            free[best] = 0
    return hits


def _below_curve(hits: Bool[ndarray, " said"], heads: int) -> float:
    """Sum, over the hits, the best precision at that recall or a greater one."""
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best[hits].sum() / heads)
