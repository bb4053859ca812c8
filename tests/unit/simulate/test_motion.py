import dataclasses

import numpy as np
import pytest

from rostfine.simulate.motion import Box, Clockwork, swim
from rostfine.simulate.sperm import draw_traits

UM_PER_PX = 0.2
CLOCK = Clockwork(frames=60, frame_rate_hz=15.0, um_per_px=UM_PER_PX)
STILL = dataclasses.replace(draw_traits(0.0, np.random.default_rng(0)), beat_amplitude_um=0.0)


def swum(traits, *, seed=1, clock=CLOCK, kept_in=None, start_px=(0.0, 0.0)):
    rng = np.random.default_rng(seed)
    return swim(traits, clock, start_px=start_px, kept_in=kept_in, rng=rng)


@pytest.mark.parametrize("speed_um_s", [2.0, 15.0, 28.0])
@pytest.mark.parametrize("frame_rate_hz", [15.0, 50.0])
def test_the_track_is_as_fast_as_the_trait_to_1_percent(speed_um_s, frame_rate_hz):
    clock = dataclasses.replace(CLOCK, frame_rate_hz=frame_rate_hz)
    path = swum(dataclasses.replace(STILL, speed_um_s=speed_um_s), clock=clock)
    steps_px = np.hypot(np.diff(path.x_px), np.diff(path.y_px))
    assert steps_px * frame_rate_hz * UM_PER_PX == pytest.approx(speed_um_s, rel=0.01)


def test_a_head_points_where_it_goes_if_nothing_sways():
    path = swum(STILL)
    direction = np.arctan2(np.diff(path.y_px), np.diff(path.x_px))
    off = np.angle(np.exp(1j * (direction - path.heading_rad[:-1])))
    assert np.abs(off).max() < 0.1


def test_a_beat_of_2_um_sways_the_head_by_0_24_um_across_its_course():
    calm, beating = (
        swum(dataclasses.replace(STILL, beat_amplitude_um=amplitude, beat_frequency_hz=1.7))
        for amplitude in (0.0, 2.0)
    )
    right_um = (beating.x_px - calm.x_px) * UM_PER_PX
    down_um = (beating.y_px - calm.y_px) * UM_PER_PX
    assert np.hypot(right_um, down_um).max() == pytest.approx(0.24, rel=0.02)
    along_um = right_um * np.cos(calm.heading_rad) + down_um * np.sin(calm.heading_rad)
    assert np.abs(along_um).max() < 1e-9


def test_a_beat_of_3_hz_turns_3_times_a_second():
    path = swum(dataclasses.replace(STILL, beat_frequency_hz=3.0))
    assert np.diff(path.beat_rad) * 15 / (2 * np.pi) == pytest.approx(3.0)


def test_15_of_20_fast_sperm_stay_in_a_box_for_20_seconds():
    box = Box(0.0, 0.0, 600.0, 400.0)
    clock = dataclasses.replace(CLOCK, frames=300)
    fast = dataclasses.replace(STILL, speed_um_s=28.0)
    paths = [
        swum(fast, seed=seed, clock=clock, kept_in=box, start_px=(300.0, 200.0))
        for seed in range(20)
    ]
    assert sum(box.holds(path) for path in paths) >= 15


def test_a_box_of_100_px_does_not_hold_a_path_of_112_px():
    path = swum(dataclasses.replace(STILL, speed_um_s=28.0), clock=Clockwork(13, 15.0, UM_PER_PX))
    assert not Box(-50.0, -50.0, 50.0, 50.0).holds(path)


def test_one_seed_gives_one_path():
    assert np.array_equal(swum(STILL, seed=3).x_px, swum(STILL, seed=3).x_px)
    assert not np.array_equal(swum(STILL, seed=3).x_px, swum(STILL, seed=4).x_px)
