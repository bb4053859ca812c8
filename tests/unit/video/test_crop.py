import numpy as np
import pytest

from rostfine.video.crop import cut_square


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (40, 55), dtype=np.uint8)


def sampled(picture: np.ndarray, x_px: float, y_px: float, cells: int, cell_px: float):
    """Do the same by the definition, on a picture that was reflected far out beforehand."""
    wide = np.pad(picture.astype(float), 300, mode="reflect")
    off = (np.arange(cells) - (cells - 1) / 2) * cell_px + 300
    col, row = np.meshgrid(x_px + off, y_px + off)
    left, top = np.floor(col).astype(int), np.floor(row).astype(int)
    across, down = col - left, row - top
    upper = wide[top, left] * (1 - across) + wide[top, left + 1] * across
    lower = wide[top + 1, left] * (1 - across) + wide[top + 1, left + 1] * across
    return upper * (1 - down) + lower * down


def test_a_square_of_odd_side_around_a_pixel_is_a_slice(picture):
    assert (cut_square(picture, 20.0, 11.0, cells=5) == picture[9:14, 18:23]).all()


@pytest.mark.parametrize(
    ("x_px", "y_px", "cells"),
    [(20.3, 20.7, 11), (1.2, 38.9, 30), (54.0, 0.0, 51), (27.0, 20.0, 150), (-6.5, 45.0, 21)],
)
def test_between_pixels_and_beyond_the_border_values_are_those_of_the_reflection(
    picture, x_px, y_px, cells
):
    found = cut_square(picture, x_px, y_px, cells=cells)
    assert np.abs(found - sampled(picture, x_px, y_px, cells, 1.0)).max() <= 0.51
    exact = cut_square(picture.astype(np.float32), x_px, y_px, cells=cells, cell_px=1.2)
    assert np.abs(exact - sampled(picture, x_px, y_px, cells, 1.2)).max() < 0.02


@pytest.mark.parametrize("cell_px", [0.5, 1.0, 1.7, 2.4, 3.0])
def test_the_middle_of_the_square_is_the_place_asked_for_whatever_the_scale(cell_px):
    col, row = np.meshgrid(np.arange(90), np.arange(80))
    blob = np.exp(-((col - 40.3) ** 2 + (row - 37.8) ** 2) / 32).astype(np.float32)
    cells = 2 * int(30 / cell_px) + 1
    square = cut_square(blob, 40.3, 37.8, cells=cells, cell_px=cell_px)
    off_px = (np.arange(cells) - cells // 2) * cell_px
    assert abs((square.sum(axis=0) * off_px).sum() / square.sum()) < 0.02
    assert abs((square.sum(axis=1) * off_px).sum() / square.sum()) < 0.02


def test_shrinking_averages_the_pixels_between():
    chequered = np.float32(100) + 50 * (np.indices((60, 60)).sum(axis=0) % 2).astype(np.float32)
    assert np.ptp(cut_square(chequered, 30.0, 30.0, cells=11, cell_px=3.0)) < 10


def test_three_channels_are_cut_alike(picture):
    colours = np.stack([picture, picture // 2, 255 - picture], axis=2)
    square = cut_square(colours, 50.5, 3.25, cells=21)
    assert square.shape == (21, 21, 3)
    assert (square[:, :, 0] == cut_square(picture, 50.5, 3.25, cells=21)).all()
