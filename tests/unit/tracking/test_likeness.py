import numpy as np
import pytest

from rostfine.tracking.likeness import CENTRE_RADIUS, CENTRE_REACH, Surroundings, find_middle, weigh

SIDE = 17


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(4).normal(100, 20, (41, 41)).astype(np.float32)


def test_a_look_correlates_with_itself_by_1_where_it_was_cut_whatever_the_light(picture):
    template = 0.5 * picture[7:24, 12:29] + 30
    found = Surroundings(picture, side=SIDE).correlate(weigh(template))
    assert found.shape == (25, 25)
    assert np.unravel_index(found.argmax(), found.shape) == (7, 12)
    assert found.max() == pytest.approx(1.0, abs=1e-3)
    assert found.min() >= -1.001


def test_what_lies_at_the_rim_counts_less_than_what_lies_in_the_middle(picture):
    template = picture[12:29, 12:29]
    at_rim, in_middle = picture.copy(), picture.copy()
    at_rim[12:15, 12:29] += 60
    in_middle[19:22, 12:29] += 60
    rim, middle = (
        Surroundings(changed, side=SIDE).correlate(weigh(template))[12, 12]
        for changed in (at_rim, in_middle)
    )
    assert 1 - rim < 0.75 * (1 - middle)


def test_a_flat_place_is_like_nothing(picture):
    flat = np.full((41, 41), 90, np.float32)
    assert np.abs(Surroundings(flat, side=SIDE).correlate(weigh(picture[:17, :17]))).max() < 1e-2


@pytest.mark.parametrize(("right", "down"), [(0.0, 0.0), (1.0, -1.5), (-2.0, 0.5)])
def test_the_middle_of_an_ellipse_with_a_hole_is_found_but_for_a_share(right, down):
    radius = CENTRE_RADIUS + CENTRE_REACH
    row, col = np.indices((2 * radius + 1, 2 * radius + 1)) - float(radius)
    far = np.hypot((col - right) / 5, (row - down) / 3.5)
    cells = 128 + 60 * (far < 1) - 90 * (far < 0.3)
    across, below = find_middle(cells.astype(np.float32))
    assert np.hypot(across - right, below - down) <= 0.6 * np.hypot(right, down) + 0.05
    assert across * right + below * down >= 0.3 * (right**2 + down**2)
