import numpy as np
import pytest

from rostfine.tracking.template import find_head, headness


@pytest.mark.parametrize("length_px", [11.0, 16.0, 24.0])
def test_the_length_of_a_head_is_estimated_within_a_third(draw, curve, params, length_px):
    head = find_head(draw(curve, length_px=length_px)[0], *map(float, curve[0]), params)
    assert head.length_px == pytest.approx(length_px, rel=0.34)


def test_headness_is_the_same_for_dark_and_bright_and_greatest_in_the_middle():
    row, col = np.indices((61, 61)) - 30
    disc = (np.hypot(row, col) <= 5).astype(np.float32)
    dark, bright = headness(100 - 50 * disc), headness(100 + 50 * disc)
    assert np.abs(dark - bright).max() < 1e-3
    assert np.unravel_index(dark.argmax(), dark.shape) == (30, 30)


def test_a_line_as_thin_as_a_tail_has_less_than_half_the_headness_of_a_head():
    row, col = np.indices((61, 61)) - 30
    disc = (np.hypot(row, col) <= 5).astype(np.float32)
    line = (np.abs(row) <= 0.5).astype(np.float32)
    assert headness(100 + 50 * line)[30, 30] < 0.5 * headness(100 + 50 * disc)[30, 30]
