"""From the heads of each frame to tracks: which head of the next frame is which, frame by frame."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float64
from numpy import ndarray
from pycocotools import mask as coco
from scipy.optimize import linear_sum_assignment

from rostfine.morphology.heads import Box, Instance
from rostfine.morphology.measures import is_head
from rostfine.morphology.params import Roles
from rostfine.tracking.link import MEMORY, LinkedTrack

LEAST_IOU: Final = 0.1
"""Of the box of a head and where it is expected, to be the same: a stage starts without warning."""


class _Followed(LinkedTrack):
    """A head on its way through the frames, at a speed that changes little, in a box of its own."""

    def __init__(self, track_id: int, frame: int, box_px: Box) -> None:
        super().__init__(frame, _middle(box_px))
        self.track_id, self.box_px = track_id, box_px

    def expect(self, frame: int) -> Float64[ndarray, "4"]:
        """Return its box in a later frame, as COCO has it: left, top, width, height."""
        left, top, right, bottom = self.box_px
        size = np.array([right - left, bottom - top])
        return np.concatenate([self.predict(frame) - size / 2, size])

    def follow(self, frame: int, box_px: Box) -> None:
        """Take the box in which it was found."""
        self.add(frame, _middle(box_px))
        self.box_px = box_px


class Linker:
    """Gives each head the number of its track, from 1; parts of heads have none.

    A head is that of a track if its box overlaps the one expected, of whatever class it is found;
    the sum of the overlaps is the most possible. One that is away for up to `MEMORY` frames is the
    same when it is back where its velocity leads.
    """

    def __init__(self, classes: Roles, *, least_iou: float = LEAST_IOU) -> None:
        self._classes, self._least_iou = classes, least_iou
        self._frame, self._begun = -1, 0
        self._alive: list[_Followed] = []

    def add(self, instances: Sequence[Instance]) -> list[int | None]:
        """Take the next frame, and return the track of each of its instances."""
        self._frame += 1
        self._alive = [one for one in self._alive if self._away(one) <= MEMORY]
        heads = [at for at, one in enumerate(instances) if is_head(one, self._classes)]
        found = self._assign([instances[at] for at in heads])
        tracks: list[int | None] = [None] * len(instances)
        for at, track in zip(heads, found, strict=True):
            tracks[at] = self._go_on(track, instances[at].box_px)
        return tracks

    def _away(self, track: _Followed) -> int:
        return self._frame - track.frames[-1] - 1

    def _go_on(self, track: _Followed | None, box_px: Box) -> int:
        if track is None:
            self._begun += 1
            self._alive.append(_Followed(self._begun, self._frame, box_px))
            return self._begun
        track.follow(self._frame, box_px)
        return track.track_id

    def _assign(self, heads: Sequence[Instance]) -> list[_Followed | None]:
        """Return the track that each head goes on with, None for a new one."""
        chosen: list[_Followed | None] = [None] * len(heads)
        if not heads or not self._alive:
            return chosen
        boxes = np.array([one.box_px for one in heads], np.float64)
        boxes[:, 2:] -= boxes[:, :2]
        expected = np.stack([track.expect(self._frame) for track in self._alive])
        overlap = coco.iou(boxes, expected, [0] * len(expected))
        near = overlap >= self._least_iou
        for head, track in zip(*linear_sum_assignment(np.where(near, -overlap, 0)), strict=True):
            if near[head, track]:
                chosen[head] = self._alive[track]
        return chosen


def _middle(box_px: Box) -> Float64[ndarray, "2"]:
    left, top, right, bottom = box_px
    return np.array([left + right, top + bottom]) / 2
