import numpy as np
import pytest

from rostfine.simulate.field import FOCUS_PX, draw_field, expose, light_frame


def field(frames=200, seed=1, width_px=320, height_px=240):
    rng = np.random.default_rng(seed)
    return draw_field(width_px=width_px, height_px=height_px, frames=frames, rng=rng)


def test_a_frame_is_240_rows_by_321_columns_of_bytes():
    odd = field(frames=1, width_px=321)
    frame = expose(odd, 0, light_frame(odd, 0))
    assert frame.shape == (240, 321)
    assert frame.dtype == np.uint8


def test_light_lies_within_the_middle_of_the_range_in_20_fields():
    means = [light_frame(field(frames=1, seed=seed), 0).mean() for seed in range(20)]
    assert min(means) > 90
    assert max(means) < 165


def test_light_is_uneven_textured_and_littered():
    big = field(frames=1, width_px=1392, height_px=976)
    blocks = big.sharp[:960, :1380].reshape(12, 80, 23, 60).mean(axis=(1, 3))
    assert np.ptp(blocks) > 8
    assert np.median(np.abs(np.diff(big.sharp, axis=1))) > 0.2
    assert np.count_nonzero(big.sharp < np.median(big.sharp) - 35) > 200


def test_light_drifts_by_less_than_2_grey_levels_a_frame_but_by_more_than_1_in_200():
    drifting = field()
    means = [light_frame(drifting, frame).mean() for frame in range(0, 200)]
    assert np.abs(np.diff(means)).max() < 2
    assert np.ptp(means) > 1


def test_focus_drifts_slowly_within_its_range():
    sigma_px = field().focus_px
    assert sigma_px.min() >= FOCUS_PX[0]
    assert sigma_px.max() <= FOCUS_PX[1]
    assert np.ptp(sigma_px) > 0.1
    assert np.abs(np.diff(sigma_px)).max() < 0.08


def test_noise_of_two_frames_is_unlike_and_2_to_3_grey_levels_strong():
    still = field(frames=40)
    flat = np.full((240, 320), 128, np.float32)
    first, second = (expose(still, frame, flat).astype(float) for frame in (3, 30))
    assert 1.7 < first.std() < 3.2
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05


def test_exposure_stops_at_0_and_255():
    still = field(frames=1)
    assert expose(still, 0, np.full((240, 320), 999, np.float32)).min() == 255
    assert expose(still, 0, np.full((240, 320), -99, np.float32)).max() == 0


@pytest.mark.parametrize("frames", [1, 40, 41])
def test_every_frame_has_its_light(frames):
    some = field(frames=frames)
    assert len(some.gain) == len(some.lean) == len(some.focus_px) == len(some.noise_at) == frames
