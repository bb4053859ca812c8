"""Whole frames made small."""

from functools import cache

import cv2
import numpy as np
from jaxtyping import UInt8
from scipy.sparse import csr_array


def shrink(
    luma: UInt8[np.ndarray, "row col"], *, size_px: int
) -> UInt8[np.ndarray, "size_row size_col"]:
    """Squeeze a frame into a square; each pixel is the mean of all that it covers."""
    rows, cols = luma.shape
    # What cv2.INTER_AREA gives, in a third of its time.
    narrow = _means(cols, size_px) @ cv2.transpose(luma).astype(np.float32)
    made: UInt8[np.ndarray, "size_row size_col"] = cv2.convertScaleAbs(
        _means(rows, size_px) @ cv2.transpose(narrow)
    )
    return made


@cache
def _means(before: int, after: int) -> csr_array:
    """Return the matrix that makes of a line of pixels the means of `after` equal parts of it."""
    edges, pixel = np.arange(after + 1) * before / after, np.arange(before)
    covered = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return csr_array((covered.clip(0) * after / before).astype(np.float32))
