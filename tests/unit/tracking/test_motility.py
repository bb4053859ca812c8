import math
from dataclasses import asdict, fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostfine.errors import InputError
from rostfine.tracking.motility import Motility, classify_motility, measure_motility

BEAT_HZ = 8.0
ONE_BEAT_S = 1 / BEAT_HZ
ADVANCE_PX_S = 60.0
SWING_PX = 5.0
ONE_CROSSING_HZ = 1 / (2 - ONE_BEAT_S) + 0.1  # more or less, in 2 s without the ends


def times(rate_hz: float, duration_s: float) -> np.ndarray:
    return np.arange(round(rate_hz * duration_s) + 1) / rate_hz


def uneven(duration_s: float, frames: int, seed: int = 3) -> np.ndarray:
    steps = np.random.default_rng(seed).uniform(0.3, 2.0, frames)
    return np.concatenate([[0.0], np.cumsum(steps) / steps.sum() * duration_s])


def line(time_s: np.ndarray) -> np.ndarray:
    return np.stack([7 + 30 * time_s, 9 + 40 * time_s], axis=1)


def wave(time_s: np.ndarray) -> np.ndarray:
    """Swim along x and swing about it: crossings at multiples of half a beat, not on a frame."""
    phase = 2 * math.pi * BEAT_HZ * time_s + 0.3
    return np.stack([ADVANCE_PX_S * time_s, SWING_PX * np.sin(phase)], axis=1)


def circle(time_s: np.ndarray, radius_px: float, turns_hz: float) -> np.ndarray:
    angle = 2 * math.pi * turns_hz * time_s
    return radius_px * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def meander(time_s: np.ndarray, seed: int = 5) -> np.ndarray:
    """Swing about a course that wanders at random."""
    steps = np.random.default_rng(seed).normal(0, 0.04, len(time_s)).cumsum()
    course = np.stack([np.cos(steps), np.sin(steps)], axis=1)
    along = np.cumsum(course * ADVANCE_PX_S * np.gradient(time_s)[:, None], axis=0)
    swing = SWING_PX * np.sin(2 * math.pi * BEAT_HZ * time_s)
    return along + swing[:, None] * np.stack([-course[:, 1], course[:, 0]], axis=1)


def unknown(motility: Motility) -> set[str]:
    return {name for name, value in asdict(motility).items() if math.isnan(value)}


@pytest.mark.parametrize("time_s", [times(60, 2), uneven(2, 120), 1e6 + times(60, 2)])
def test_a_straight_line_at_50_px_s_has_that_speed_thrice_and_ratios_of_1(time_s):
    found = measure_motility(line(time_s - time_s[0]), time_s, smoothing_s=0.2)
    speeds = (found.vcl_px_s, found.vsl_px_s, found.vap_px_s, found.progress_px_s)
    assert speeds == pytest.approx((50, 50, 50, 50))
    assert (found.lin, found.str_, found.wob) == pytest.approx((1, 1, 1))
    assert found.mad_deg == pytest.approx(0, abs=1e-5)
    assert unknown(found) == {"alh_px", "alh_max_px", "bcf_hz"}


def test_a_circle_has_the_vcl_of_its_polygon_the_vsl_of_its_chord_and_its_turns():
    time_s = times(60, 1.75)
    found = measure_motility(circle(time_s, 20, 1), time_s, smoothing_s=0.2)
    assert found.vcl_px_s == pytest.approx(2 * math.pi * 20, rel=1e-3)
    assert found.vsl_px_s == pytest.approx(20 * math.sqrt(2) / 1.75)
    assert found.progress_px_s == pytest.approx(0, abs=1e-9)
    assert found.mad_deg == pytest.approx(360 / 60)
    assert math.isnan(found.bcf_hz)


def test_a_swing_of_5_px_to_each_side_has_alh_10_and_crosses_twice_a_beat():
    time_s = times(200, 3)
    found = measure_motility(wave(time_s), time_s, smoothing_s=ONE_BEAT_S)
    assert found.alh_px == pytest.approx(2 * SWING_PX, rel=0.02)
    assert found.alh_max_px == pytest.approx(2 * SWING_PX, rel=0.02)
    assert found.bcf_hz == pytest.approx(2 * BEAT_HZ, rel=0.02)
    assert found.vsl_px_s == pytest.approx(ADVANCE_PX_S, rel=0.01)
    assert found.vap_px_s == pytest.approx(ADVANCE_PX_S, rel=0.03)
    assert found.vcl_px_s > 2 * ADVANCE_PX_S


def test_one_wide_swing_raises_the_widest_alh_more_than_the_mean():
    time_s = times(200, 3)
    track_px = wave(time_s)
    track_px[:, 1] *= np.where(np.abs(time_s - 1.5) < ONE_BEAT_S / 2, 2, 1)
    found = measure_motility(track_px, time_s, smoothing_s=4 * ONE_BEAT_S)
    assert found.alh_px == pytest.approx(2 * SWING_PX, rel=0.1)
    assert found.alh_max_px == pytest.approx(4 * SWING_PX, rel=0.1)


def test_a_swing_that_the_end_cuts_off_does_not_count():
    time_s = times(200, 2.03)
    track_px = wave(time_s)
    last_crossing_s = (28 - 0.3 / math.pi) * ONE_BEAT_S / 2
    track_px[:, 1] *= np.where(time_s > last_crossing_s, 3, 1)
    found = measure_motility(track_px, time_s, smoothing_s=4 * ONE_BEAT_S)
    assert found.alh_max_px == pytest.approx(2 * SWING_PX, rel=0.2)


def test_the_window_is_in_seconds_so_another_frame_rate_has_the_same_average_path():
    slow, fast = (
        measure_motility(wave(t), t, smoothing_s=ONE_BEAT_S) for t in (times(100, 2), times(400, 2))
    )
    assert slow.vap_px_s == pytest.approx(fast.vap_px_s, rel=0.01)
    assert slow.alh_px == pytest.approx(fast.alh_px, rel=0.05)
    assert slow.bcf_hz == pytest.approx(fast.bcf_hz, abs=ONE_CROSSING_HZ)


def test_uneven_time_stamps_are_believed():
    even_s, uneven_s = times(200, 2), uneven(2, 400)
    even, odd = (measure_motility(wave(t), t, smoothing_s=ONE_BEAT_S) for t in (even_s, uneven_s))
    for name in ("vcl_px_s", "vsl_px_s", "vap_px_s", "alh_px"):
        assert getattr(odd, name) == pytest.approx(getattr(even, name), rel=0.03), name
    assert odd.bcf_hz == pytest.approx(even.bcf_hz, abs=ONE_CROSSING_HZ)


def test_opencasa_agrees_on_a_wandering_track():
    """Formulas of Alquezar-Baeta et al. 2019 (table 2), as plain sums over frames."""
    rate_hz, window = 200.0, 25  # 25 frames are one beat
    time_s = times(rate_hz, 3)
    track = [tuple(place) for place in meander(time_s)]
    found = measure_motility(np.array(track), time_s, smoothing_s=window / rate_hz)
    average = [
        tuple(np.mean(track[first : first + window], axis=0))
        for first in range(len(track) - window + 1)
    ]
    vcl = sum(map(math.dist, track, track[1:])) * rate_hz / (len(track) - 1)
    vsl = math.dist(track[0], track[-1]) * rate_hz / (len(track) - 1)
    vap = sum(map(math.dist, average, average[1:])) * rate_hz / (len(average) - 1)
    assert (found.vcl_px_s, found.vsl_px_s, found.lin) == pytest.approx((vcl, vsl, vsl / vcl))
    assert (found.vap_px_s, found.wob) == pytest.approx((vap, vap / vcl), rel=0.04)
    distances = [
        min(math.dist(place, near) for near in average[max(0, i - 12) : i + 13])
        for i, place in enumerate(track[window // 2 : len(track) - window // 2])
    ]
    peaks = [
        b for a, b, c in zip(distances, distances[1:], distances[2:], strict=False) if a < b > c
    ]
    assert found.alh_px == pytest.approx(2 * float(np.mean(peaks)), rel=0.1)
    assert found.bcf_hz == pytest.approx(len(peaks) * rate_hz / (len(average) - 1), rel=0.05)


@pytest.mark.parametrize(
    ("rate_hz", "duration_s", "told"),
    [(49, 2, False), (49.9, 2, True), (50, 0.45, False), (50, 0.5, True)],
)
def test_alh_and_bcf_need_50_hz_and_half_a_second(rate_hz, duration_s, told):
    time_s = np.round(times(rate_hz, duration_s), 3)  # as in a container that counts milliseconds
    found = measure_motility(wave(time_s), time_s, smoothing_s=ONE_BEAT_S)
    beat = {"alh_px", "alh_max_px", "bcf_hz"}
    assert unknown(found) == (set() if told else beat)


def test_alh_and_bcf_are_unknown_where_the_window_leaves_too_few_crossings():
    time_s = times(100, 1)
    assert not unknown(measure_motility(wave(time_s), time_s, smoothing_s=0.86))
    found = measure_motility(wave(time_s), time_s, smoothing_s=0.88)
    assert unknown(found) == {"alh_px", "alh_max_px", "bcf_hz"}


def test_a_beat_no_wider_than_jitter_is_unknown():
    time_s = times(200, 2)
    found = measure_motility(wave(time_s), time_s, smoothing_s=ONE_BEAT_S, jitter_px=1.1 * SWING_PX)
    assert unknown(found) == {"alh_px", "alh_max_px", "bcf_hz"}


def test_a_head_that_only_jitters_stands_and_has_no_ratios():
    time_s = times(60, 3)
    jitter = np.random.default_rng(1).normal(0, 0.5, (len(time_s), 2))
    found = measure_motility(100 + jitter, time_s, smoothing_s=0.2)
    assert found.stands
    assert found.vcl_px_s > 0
    speeds = {"vcl_px_s", "vsl_px_s", "vap_px_s", "progress_px_s", "stands"}
    assert unknown(found) == {field.name for field in fields(Motility)} - speeds
    assert classify_motility(found, um_per_px=0.5) == "immotile"


def test_a_swing_on_the_spot_has_no_straightness():
    time_s = times(200, 2)
    swing_px = SWING_PX * np.sin(2 * math.pi * BEAT_HZ * time_s)
    track_px = np.stack([0 * time_s, swing_px], axis=1)
    assert "str_" in unknown(measure_motility(track_px, time_s, smoothing_s=ONE_BEAT_S))


def test_turns_to_either_side_count_alike_and_a_halt_is_none():
    track_px = np.array([[0.0, 0], [4, 0], [4, 0], [4, 4], [8, 4]])
    found = measure_motility(track_px, np.arange(5.0), smoothing_s=1.0)
    assert found.mad_deg == pytest.approx(90)


def test_a_head_that_never_moves_has_speed_0_without_a_warning():
    found = measure_motility(
        np.full((60, 2), 3.3), times(60, 1)[:60], smoothing_s=0.2, jitter_px=0.0
    )
    assert (found.vcl_px_s, found.vap_px_s, found.stands) == (0, 0, True)


@pytest.mark.parametrize("frames", [0, 1])
def test_fewer_than_2_frames_tell_nothing_and_have_no_class(frames):
    found = measure_motility(np.ones((frames, 2)), np.ones(frames), smoothing_s=0.2)
    assert unknown(found) == {field.name for field in fields(Motility)} - {"stands"}
    with pytest.raises(InputError, match="wanted two frames or more"):
        classify_motility(found, um_per_px=0.5)


def test_2_frames_have_speeds_but_no_turn():
    found = measure_motility(np.array([[0.0, 0], [3, 4]]), np.array([0, 0.5]), smoothing_s=0.2)
    assert (found.vcl_px_s, found.vap_px_s, found.progress_px_s) == pytest.approx((10, 10, 10))
    assert "mad_deg" in unknown(found)


@pytest.mark.parametrize(
    ("speed_um_s", "wanted"),
    [(25.1, "rapid"), (24.9, "slow"), (5.1, "slow"), (4.9, "non_progressive")],
)
def test_who_classes_are_of_um_per_second(speed_um_s, wanted):
    time_s = times(60, 2)
    track_px = np.stack([speed_um_s / 0.25 * time_s, 0 * time_s], axis=1)
    found = measure_motility(track_px, time_s, smoothing_s=0.2)
    assert classify_motility(found, um_per_px=0.25) == wanted


@pytest.mark.parametrize(("radius_px", "wanted"), [(4, "non_progressive"), (200, "rapid")])
def test_a_small_circle_is_no_progress_and_a_large_one_is(radius_px, wanted):
    """Each at 100 um/s along its path, and back where it started in the end."""
    time_s = times(60, max(2, 2 * math.pi * radius_px / 200))
    found = measure_motility(
        circle(time_s, radius_px, 200 / (2 * math.pi * radius_px)), time_s, smoothing_s=0.05
    )
    assert found.vap_px_s > 2 * 25
    assert classify_motility(found, um_per_px=0.5) == wanted


@pytest.mark.parametrize("um_per_px", [math.nan, 0.0, -0.5, math.inf])
def test_there_is_no_class_without_a_scale(um_per_px):
    found = measure_motility(line(times(60, 2)), times(60, 2), smoothing_s=0.2)
    with pytest.raises(InputError, match="um_per_px: a WHO class wanted a number above 0, got"):
        classify_motility(found, um_per_px=um_per_px)


@pytest.mark.parametrize(
    ("times_s", "x_px", "changes", "message"),
    [
        ([0, 0.1, 0.1], [0, 1, 2], {}, "place 2: wanted a time after 0.1 s, got 0.1 s"),
        ([0, math.nan, 0.2], [0, 1, 2], {}, "place 1: wanted a time after 0.0 s, got nan s"),
        ([0, 0.1, 0.2], [0, math.nan, 2], {}, "place 1: wanted finite x and y, got nan, 0.0"),
        (
            [0, 0.1, 0.2],
            [0, 1, 2],
            {"smoothing_s": 0.0},
            "smoothing_s: wanted seconds above 0, got 0",
        ),
        (
            [0, 0.1, 0.2],
            [0, 1, 2],
            {"jitter_px": -1.0},
            "jitter_px: wanted pixels from 0 up, got -1",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(times_s, x_px, changes, message):
    track_px = np.stack([np.array(x_px, dtype=float), np.zeros(3)], axis=1)
    with pytest.raises(InputError, match=message):
        measure_motility(
            track_px, np.array(times_s, dtype=float), **{"smoothing_s": 0.2, **changes}
        )


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    angle=st.floats(-math.pi, math.pi),
    shift_px=st.floats(-1000, 1000),
    scale=st.floats(0.1, 10),
)
def test_a_turned_and_shifted_track_measures_the_same_and_a_scaled_one_scaled(
    seed, angle, shift_px, scale
):
    time_s = uneven(1.5, 120, seed)
    track_px = meander(time_s, seed)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved_px = scale * (track_px @ turn.T) + shift_px
    one = asdict(measure_motility(track_px, time_s, smoothing_s=0.1))
    two = asdict(measure_motility(moved_px, time_s, smoothing_s=0.1, jitter_px=scale))
    for name, value in one.items():
        wanted = value * scale if "_px" in name else value
        assert two[name] == pytest.approx(wanted, rel=1e-6, abs=1e-6, nan_ok=True), name


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), frames=st.integers(2, 60), smoothing_s=st.floats(0.001, 5))
def test_vsl_is_never_above_vap_and_vap_never_above_vcl(seed, frames, smoothing_s):
    time_s = uneven(1, frames, seed)
    track_px = np.random.default_rng(seed).normal(0, 9, (frames + 1, 2)).cumsum(axis=0)
    found = measure_motility(track_px, time_s, smoothing_s=smoothing_s)
    assert found.vsl_px_s <= found.vap_px_s * (1 + 1e-9)
    assert found.vap_px_s <= found.vcl_px_s * (1 + 1e-9)
