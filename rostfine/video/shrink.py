"""Whole frames made small."""

from typing import Final

import numpy as np
from av import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from jaxtyping import UInt8

MEANS: Final = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


class Shrinker:
    """Squeezes frames into squares of one size; for one thread at a time."""

    def __init__(self, size_px: int) -> None:
        self._size_px = size_px
        self._scaler = VideoReformatter()

    def __call__(
        self, luma: UInt8[np.ndarray, "row col"]
    ) -> UInt8[np.ndarray, "size_row size_col"]:
        """Squeeze a frame; each pixel is the mean of all that it covers, to the nearest grey."""
        # FFmpeg's scaler gives what cv2.INTER_AREA does, in a fifth of its time.
        frame = VideoFrame.from_numpy_buffer(luma, format="gray")
        small = self._scaler.reformat(
            frame, self._size_px, self._size_px, interpolation=MEANS, threads=1
        )
        made: UInt8[np.ndarray, "size_row size_col"] = small.to_ndarray()
        return made
