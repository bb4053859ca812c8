import numpy as np
import pytest

from rostfine.video.depth import Depth


@pytest.mark.parametrize(
    ("brightest", "eight"),
    [(255, 255), (256, 64), (1023, 255), (1024, 64), (4095, 255), (16383, 255), (65535, 255)],
)
def test_the_depth_is_the_smallest_of_a_camera_that_holds_the_first_frame(brightest, eight):
    found = Depth().to_eight_bits(np.array([[0, brightest]], np.uint16))
    np.testing.assert_array_equal(found, [[0, eight]])


def test_the_first_frame_that_is_not_black_decides_for_all_and_brighter_values_become_white():
    depth = Depth()
    values = [[0, 0], [0, 4000], [16, 160], [65535, 5000]]
    found = [depth.to_eight_bits(np.array(frame, np.uint16)).tolist() for frame in values]
    assert found == [[0, 0], [0, 250], [1, 10], [255, 255]]


def test_a_depth_that_is_known_is_not_learnt():
    dim = np.array([[4, 200]], np.uint16)
    np.testing.assert_array_equal(Depth(10).to_eight_bits(dim), [[1, 50]])
