import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostfine.video.reader import open_video
from rostfine.video.shrink import shrink


def means(luma: np.ndarray, size_px: int) -> np.ndarray:
    """Cut each pixel into size x size equal parts, so that whole parts make up each new one."""
    rows, cols = luma.shape
    parts = np.repeat(np.repeat(luma.astype(np.int64), size_px, axis=0), size_px, axis=1)
    return parts.reshape(size_px, rows, size_px, cols).mean(axis=(1, 3))


@given(rows=st.integers(1, 40), cols=st.integers(1, 40), size_px=st.integers(1, 24))
def test_each_pixel_is_the_mean_of_all_that_it_covers(rows, cols, size_px):
    luma = np.random.default_rng(rows * cols).integers(0, 256, (rows, cols), dtype=np.uint8)
    small = shrink(luma, size_px=size_px)
    assert small.shape == (size_px, size_px)
    assert np.abs(small - means(luma, size_px)).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("shade", [0, 1, 127, 254, 255])
@pytest.mark.parametrize("size_px", [64, 256, 100])
def test_what_is_even_stays_as_it_is(shade, size_px):
    small = shrink(np.full((480, 640), shade, np.uint8), size_px=size_px)
    assert small.dtype == np.uint8
    assert (small == shade).all()


@pytest.mark.parametrize("size_px", [64, 256, 100])
def test_it_is_what_opencv_makes_of_areas(size_px):
    luma = np.random.default_rng(1).integers(0, 256, (480, 640), dtype=np.uint8)
    wanted = cv2.resize(luma, (size_px, size_px), interpolation=cv2.INTER_AREA)
    assert np.abs(shrink(luma, size_px=size_px).astype(int) - wanted).max() <= 1


def test_a_frame_is_left_as_it_was(encode, frames):
    with open_video(encode("a.avi", frames, "mjpeg", "yuvj420p")) as video:
        frame = next(video.frames())
        before = frame.luma.copy()
        small = shrink(frame.luma, size_px=16)
    np.testing.assert_array_equal(frame.luma, before)
    assert small.flags.writeable
    assert small.flags.c_contiguous
