import numpy as np
import pytest
from scipy.spatial import cKDTree

from rostfine.tracking.detect import HeadLook, detect_heads, measure_heads

RNG = np.random.default_rng(3)
PLACES = RNG.permutation(
    [(x + 0.37, y + 0.21) for x in range(20, 230, 30) for y in range(20, 190, 30)]
)[:20]


def still(places: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(place[None] for place in places)


@pytest.mark.parametrize(("depth", "is_bright"), [(90.0, True), (-60.0, False)])
def test_20_heads_on_a_sloping_ground_are_found_to_0_4_px_whether_bright_or_dark(
    draw, depth, is_bright
):
    (luma,) = draw(*still(PLACES), length_px=10, depth=depth)
    slope = np.linspace(-35, 35, luma.shape[1])
    luma = np.clip(luma + slope, 0, 255).astype(np.uint8)
    look = measure_heads([luma], head_px=10.0)
    assert look.is_bright == is_bright
    heads = detect_heads(luma, look)
    assert len(heads) == 20
    assert cKDTree(heads).query(PLACES)[0].max() < 0.4


def test_noise_alone_has_no_heads():
    luma = RNG.normal(120, 3, (200, 240)).round().astype(np.uint8)
    assert len(detect_heads(luma, measure_heads([luma], head_px=9.0))) == 0


def test_specks_a_third_as_bright_as_heads_are_left_out(draw):
    (heads,) = draw(*still(PLACES[:10]), length_px=10, depth=90)
    (specks,) = draw(*still(PLACES[10:]), length_px=10, depth=27, seed=2)
    luma = (heads.astype(int) + specks - 128).clip(0, 255).astype(np.uint8)
    found = detect_heads(luma, measure_heads([luma], head_px=10.0))
    assert len(found) == 10
    assert cKDTree(PLACES[:10]).query(found)[0].max() < 1


def test_most_of_the_rim_of_a_bubble_is_no_head():
    row, col = np.indices((200, 240))
    off_px = np.hypot(col - 120, row - 100) - 70
    rim = 128 + 80 * np.exp(-((off_px / 2) ** 2)) + RNG.normal(0, 2, off_px.shape)
    luma = rim.clip(0, 255).round().astype(np.uint8)
    # Without the look along the rim there are more than 20.
    assert len(detect_heads(luma, HeadLook(10.0, is_bright=True, least=8.0))) < 12


@pytest.mark.parametrize("length_px", [8.0, 16.0, 24.0])
def test_the_length_of_heads_is_measured_to_a_third(draw, length_px):
    places = np.array([(60, 50), (180, 50), (60, 150), (180, 150), (120, 100)], float)
    lumas = draw(*still(places), length_px=length_px, depth=90)
    assert measure_heads(lumas).head_px == pytest.approx(length_px, rel=0.33)
