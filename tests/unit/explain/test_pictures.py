import io

import numpy as np
import pytest
from matplotlib.image import imread

from rostfine.explain.look import Look
from rostfine.explain.pictures import OUTLINE, Seen, draw_seen, lay_over, strength_of


def make_seen(*, frames: int = 4, with_selected: bool = True) -> Seen:
    rng = np.random.default_rng(0)
    look = Look(
        method="attention rollout",
        heat=rng.random((frames, 25)),
        class_token=0.1,
        frame_numbers=tuple(range(0, 2 * frames, 2)),
        selected=np.tile([0, 12], (frames, 1)) if with_selected else None,
        predicted=np.array([0.1, 0.2, 0.3, 0.4, 0.0]),
    )
    clip = np.full((2 * frames, 60, 60, 3), 128, dtype=np.uint8)
    return Seen("S01", "rostfine", clip, look, np.array([0, 0, 1.0, 0, 0]))


def read(png: bytes) -> np.ndarray:
    return imread(io.BytesIO(png), format="png")[..., :3]


def outlined(image: np.ndarray) -> np.ndarray:
    wanted = [int(OUTLINE[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return (np.abs(image - wanted) < 0.02).all(axis=2)


def test_heat_goes_from_0_at_its_least_in_the_clip_to_1_at_its_most():
    heat = np.full((2, 4), 0.2)
    heat[0, 1], heat[1, 2] = 0.3, 0.4
    strength = strength_of(heat)
    assert strength.shape == (2, 2, 2)
    np.testing.assert_allclose(strength[0], [[0, 0.5], [0, 0]])
    np.testing.assert_allclose(strength[1], [[0, 0], [1, 0]])


def test_even_heat_shows_the_frames_as_they_are():
    frames = np.random.default_rng(0).integers(0, 256, (2, 30, 30, 3), dtype=np.uint8)
    np.testing.assert_allclose(lay_over(frames, strength_of(np.ones((2, 9)))), frames / 255)


def test_the_hottest_place_of_the_overlay_is_the_middle_of_the_hottest_patch():
    heat = np.zeros((1, 25))
    heat[0, 5 + 3] = 1  # down 1, across 3 of patches of 6 px
    frames = np.full((1, 30, 30, 3), 128, dtype=np.uint8)
    off = np.abs(lay_over(frames, strength_of(heat))[0] - 128 / 255).sum(axis=2)
    row, col = np.nonzero(off > 0.99 * off.max())
    assert (row.mean(), col.mean()) == pytest.approx((8.5, 20.5))
    assert off[:, :9].max() == 0


def test_the_selected_patches_are_outlined_on_the_frames_only():
    with_outlines, without = (
        outlined(read(draw_seen(make_seen(with_selected=chosen)))) for chosen in (True, False)
    )
    assert with_outlines.any()
    assert not without.any()
    assert np.nonzero(with_outlines.any(axis=1))[0].max() < len(with_outlines) * 0.5


@pytest.mark.parametrize("frames", [1, 4, 8, 16])
def test_a_picture_is_twice_as_wide_as_a_page_shows_it_whatever_the_frames(frames):
    image = read(draw_seen(make_seen(frames=frames)))
    assert image.shape[1] == 2184
    assert image.shape[0] < 1500
    assert (image[0] == 1).all()


def test_of_more_than_8_frames_8_are_shown():
    sixteen, eight = (read(draw_seen(make_seen(frames=frames))).shape for frames in (16, 8))
    assert sixteen == eight


def test_the_same_data_gives_the_same_bytes():
    assert draw_seen(make_seen()) == draw_seen(make_seen())
