"""From the heads of each frame to tracks: who is who in the next frame."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy import ndarray
from scipy.optimize import linear_sum_assignment

Points = Float64[ndarray, "head 2"]

MEMORY: Final = 3
"""Frames for which a head may be missing, and still is the same when it is back."""
NEWEST: Final = 0.2
"""Share of the newest step in the velocity: a head sways with the beat, its course does not."""
FAR: Final = 1e6
"""Cost of a pair out of reach: any other pairing is better."""


class LinkedTrack:
    """One head, in the frames in which it was seen."""

    def __init__(self, frame: int, place_px: Float64[ndarray, "2"]) -> None:
        self.frames: list[int] = [frame]
        self.places_px: list[Float64[ndarray, 2]] = [place_px]
        self._velocity = np.zeros(2)  # in pixels a frame

    def predict(self, frame: int) -> Float64[ndarray, "2"]:
        """Return where it is in a later frame if it goes on as before."""
        since = frame - self.frames[-1]
        return np.asarray(self.places_px[-1] + since * self._velocity)

    def add(self, frame: int, place_px: Float64[ndarray, "2"]) -> None:
        """Take the place at which it was found."""
        step = (place_px - self.places_px[-1]) / (frame - self.frames[-1])
        self._velocity = (1 - NEWEST) * self._velocity + NEWEST * step
        self.frames.append(frame)
        self.places_px.append(place_px)


def link(heads: Sequence[Float64[ndarray, "_ 2"]], *, max_step_px: float) -> list[LinkedTrack]:
    """Link the heads of consecutive frames; each head is of one track, which may be one frame long.

    A head is taken for that of a track if it is within `max_step_px` of where the velocity of the
    track leads; the sum of the squared distances is the least possible.
    """
    tracks: list[LinkedTrack] = []
    alive: list[LinkedTrack] = []
    for frame, points in enumerate(heads):
        alive = [track for track in alive if frame - track.frames[-1] <= MEMORY + 1]
        chosen = _assign(alive, points, frame, max_step_px)
        for track, point in zip(alive, chosen, strict=True):
            if point >= 0:
                track.add(frame, points[point])
        new = np.setdiff1d(np.arange(len(points)), chosen)
        begun = [LinkedTrack(frame, points[point]) for point in new]
        tracks += begun
        alive += begun
    return tracks


def _assign(
    alive: Sequence[LinkedTrack], points: Points, frame: int, reach_px: float
) -> Int64[ndarray, " track"]:
    """Return which point each track takes, -1 for none."""
    chosen = np.full(len(alive), -1, np.int64)
    if not alive or not len(points):
        return chosen
    places = np.stack([track.predict(frame) for track in alive])
    squared = ((places[:, None] - points[None]) ** 2).sum(axis=2)
    near = squared <= reach_px**2
    lone = near & (near.sum(axis=1, keepdims=True) == 1) & (near.sum(axis=0, keepdims=True) == 1)
    track, point = np.nonzero(lone)
    chosen[track] = point
    _share_out(squared, near & ~lone, chosen)
    return chosen


def _share_out(
    squared: Float64[ndarray, "track head"],
    near: Bool[ndarray, "track head"],
    chosen: Int64[ndarray, " track"],
) -> None:
    """Fill in `chosen` where tracks and points have a choice: few, and so fast."""
    tracks, points = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    pairs = np.ix_(tracks, points)
    row, col = linear_sum_assignment(np.where(near[pairs], squared[pairs], FAR))
    kept = near[pairs][row, col]
    chosen[tracks[row[kept]]] = points[col[kept]]
