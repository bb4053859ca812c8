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


def test_the_first_frame_that_is_not_black_decides_for_all_and_a_few_brighter_values_become_white():
    depth = Depth()
    frame = np.zeros((20, 20), np.uint16)
    assert depth.to_eight_bits(frame).max() == 0
    frame[0, 0] = 4000
    assert depth.to_eight_bits(frame)[0, 0] == 4000 >> 4
    frame[0, 0] = 65535
    assert depth.to_eight_bits(frame)[0, 0] == 255
    assert depth.to_eight_bits(frame).sum() == 255


def test_a_first_frame_behind_a_closed_shutter_is_no_measure_for_the_others():
    depth = Depth()
    depth.to_eight_bits(np.full((20, 20), 40, np.uint16))
    with pytest.raises(ValueError, match="wanted values below 256, as the first frame has them"):
        depth.to_eight_bits(np.full((20, 20), 2500, np.uint16))


def test_a_depth_that_is_known_is_not_learnt():
    dim = np.array([[4, 200]], np.uint16)
    np.testing.assert_array_equal(Depth(10).to_eight_bits(dim), [[1, 50]])
