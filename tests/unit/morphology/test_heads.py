import numpy as np
import pytest

from rostfine.morphology.heads import decode, encode, encode_at

SIZE = (30, 40)


@pytest.mark.parametrize(
    ("left", "top", "rows", "cols"),
    [(0, 0, 30, 40), (0, 0, 5, 6), (34, 25, 5, 6), (12, 0, 30, 3), (39, 29, 1, 1), (7, 9, 8, 11)],
)
def test_a_mask_of_a_part_is_encoded_as_the_whole_is(left, top, rows, cols):
    part = np.random.default_rng(rows * cols + left).random((rows, cols)) < 0.6
    whole = np.zeros(SIZE, bool)
    whole[top : top + rows, left : left + cols] = part
    found = encode_at(part, left, top, SIZE)
    assert found["counts"] == encode(whole)["counts"]
    assert np.array_equal(decode(found), whole)


@pytest.mark.parametrize("value", [False, True])
def test_a_part_that_is_empty_or_full_is_encoded(value):
    whole = np.full(SIZE, value)
    assert np.array_equal(decode(encode_at(whole, 0, 0, SIZE)), whole)
