"""What came of a tag: the clip and the track along which it was cut, or why there is none."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, UInt8

from rostfine.schemas import FAILED
from rostfine.tracking.tags import Tag


@dataclass(frozen=True)
class Cut:
    """What came of one tag: a clip if `status` is ok; else `reason` tells why there is none.

    The track reaches from the frame of the tag to the last in which the sperm was followed, at
    least as far as the clip. `inside_px` is the part of each square that lies inside of the video:
    first column and row, and those after the last.
    """

    tag: Tag
    status: str
    reason: str
    frame_rate_hz: float
    frames: UInt8[np.ndarray, "frame row col chan"] | None
    inside_px: Int32[np.ndarray, "frame 4"]
    centre_px: Float32[np.ndarray, "tracked 2"]
    time_s: Float64[np.ndarray, " tracked"]
    score: Float32[np.ndarray, " tracked"]
    is_seen: Bool[np.ndarray, " tracked"]
    doubtful_from: int | None = None  # the first of the track that may be another sperm

    @property
    def clip_frames(self) -> int | None:
        """How many frames of the track the clip has; None without one."""
        return len(self.inside_px) or None


def fail(tag: Tag, reason: str) -> Cut:
    """Return what comes of a tag that cannot be followed."""
    return Cut(
        tag=tag,
        status=FAILED,
        reason=reason,
        frame_rate_hz=math.nan,
        frames=None,
        inside_px=np.empty((0, 4), np.int32),
        centre_px=np.empty((0, 2), np.float32),
        time_s=np.empty(0),
        score=np.empty(0, np.float32),
        is_seen=np.empty(0, bool),
    )
