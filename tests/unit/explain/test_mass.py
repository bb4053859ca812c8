import numpy as np
import pytest

from rostfine.explain.mass import cover, mass_ratio, middle_of


def quarter(frames: int = 2, size: int = 150) -> np.ndarray:
    """A mask of the upper left quarter."""
    mask = np.zeros((frames, size, size), dtype=bool)
    mask[:, : size // 2, : size // 2] = True
    return mask


@pytest.mark.parametrize("side", [1, 4, 7, 14])
def test_even_heat_has_its_share_of_area_on_any_mask(side):
    mask = np.random.default_rng(0).random((3, 150, 150)) < 0.1
    assert mass_ratio(np.ones((3, side**2)), mask) == pytest.approx(1)


def test_all_heat_on_a_quarter_is_4_times_its_share_of_area():
    heat = np.zeros((2, 16))
    heat[:, [0, 1, 4, 5]] = 1
    assert mass_ratio(heat, quarter()) == pytest.approx(4)
    assert mass_ratio(heat, ~quarter()) == 0


def test_heat_off_the_mask_counts_in_every_frame():
    heat = np.zeros((2, 4))
    heat[0, 0] = heat[1, 3] = 1
    assert mass_ratio(heat, quarter()) == pytest.approx(2)


def test_a_pixel_on_a_border_is_parted_between_patches():
    mask = np.zeros((1, 6, 6), dtype=bool)
    mask[0, 1, 0] = True  # patches are 1.5 px: a half of this pixel is in each of two
    wanted = np.zeros(16)
    wanted[[0, 4]] = 0.5 / 1.5**2
    np.testing.assert_allclose(cover(mask, 4)[0], wanted)


@pytest.mark.parametrize("side", [4, 5, 7, 14])
def test_the_cover_of_all_patches_is_the_area_of_the_mask(side):
    mask = np.random.default_rng(1).random((2, 150, 130)) < 0.3
    np.testing.assert_allclose(cover(mask, side).mean(axis=1), mask.mean(axis=(1, 2)))


def test_the_middle_is_a_disc_of_a_sixth_of_the_side():
    disc = middle_of(3, 150)
    assert disc.shape == (3, 150, 150)
    assert disc[0].sum() == pytest.approx(np.pi * 25**2, rel=0.01)
    np.testing.assert_array_equal(disc[0], disc[2][::-1, ::-1])
