import cv2
import numpy as np
import pytest

from rostfine.tracking.drift import measure_shift


def view(world: np.ndarray, x_px: float, y_px: float) -> np.ndarray:
    return cv2.getRectSubPix(world, (320, 240), (260 + x_px, 220 + y_px))


@pytest.fixture
def worlds() -> list[np.ndarray]:
    """Two places with specks and a sensor's noise."""
    rng = np.random.default_rng(4)
    made = []
    for _ in range(2):
        specks = (rng.random((440, 520)) < 0.003).astype(np.float32)
        picture = 110 - 900 * cv2.GaussianBlur(specks, (0, 0), 1.4)
        made.append(picture.clip(0, 255).round().astype(np.uint8))
    return made


def test_a_stage_that_moves_is_known_to_half_a_pixel_in_each_frame(worlds):
    way = np.stack([0.8 * np.arange(31), -0.5 * np.arange(31)], axis=1)
    shift = measure_shift([view(worlds[0], *place) for place in way])
    assert not shift.is_cut.any()
    # What lies still moves against the stage.
    np.testing.assert_allclose(shift.offset_px, -way, atol=0.5)


def test_a_cut_is_where_another_place_begins(worlds):
    lumas = [view(worlds[frame // 15], 0, 0) for frame in range(30)]
    shift = measure_shift(lumas)
    assert np.flatnonzero(shift.is_cut).tolist() == [15]
    np.testing.assert_allclose(shift.offset_px, 0, atol=0.2)


def test_pictures_that_show_nothing_neither_move_nor_are_cut():
    shift = measure_shift([np.full((240, 320), 90, np.uint8)] * 12)
    assert not shift.is_cut.any()
    np.testing.assert_allclose(shift.offset_px, 0, atol=1e-6)
