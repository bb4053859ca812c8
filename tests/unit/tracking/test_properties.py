"""What must hold for the track of any head on any way."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rostfine.tracking.tracker import Follower

FRAMES = 12
# The fixtures return functions and keep nothing between examples.
few = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ways = st.builds(
    lambda x, y, angle, bend, step: np.cumsum(
        [
            (x, y),
            *(
                (step * np.cos(angle + bend * k), step * np.sin(angle + bend * k))
                for k in range(FRAMES - 1)
            ),
        ],
        axis=0,
    ),
    x=st.floats(100, 140),
    y=st.floats(85, 115),
    angle=st.floats(-3.14, 3.14),
    bend=st.floats(-0.15, 0.15),
    step=st.floats(0, 5),
)
lengths = st.floats(11, 24)
depths = st.sampled_from([-60.0, -40.0, 40.0])


def follow(frames, start_px, params) -> np.ndarray:
    follower = Follower(frames[0], float(start_px[0]), float(start_px[1]), params)
    places = [follower.start, *(follower.step(frame) for frame in frames[1:])]
    return np.array([(place.x_px, place.y_px) for place in places])


@few
@given(way=ways, length_px=lengths, depth=depths, dx=st.integers(-20, 20), dy=st.integers(-20, 20))
def test_a_shifted_video_shifts_the_track_by_the_same(draw, params, way, length_px, depth, dx, dy):
    frames = draw(way, length_px=length_px, depth=depth)
    shifted = [np.roll(frame, (dy, dx), axis=(0, 1)) for frame in frames]
    found = follow(frames, way[0], params)
    assert np.abs(follow(shifted, way[0] + (dx, dy), params) - found - (dx, dy)).max() < 1e-3


@few
@given(way=ways, length_px=lengths, depth=depths, offset=st.integers(-25, 25))
def test_a_constant_change_of_brightness_changes_nothing(
    draw, params, way, length_px, depth, offset
):
    frames = draw(way, length_px=length_px, depth=depth)
    brighter = [(frame.astype(int) + offset).astype(np.uint8) for frame in frames]
    assert np.abs(follow(brighter, way[0], params) - follow(frames, way[0], params)).max() < 0.02


@few
@given(way=ways, length_px=lengths, depth=depths)
def test_the_reversed_video_leads_from_the_last_place_back_to_the_tag(
    draw, params, way, length_px, depth
):
    frames = draw(way, length_px=length_px, depth=depth)
    there = follow(frames, way[0], params)
    back = follow(frames[::-1], there[-1], params)
    assert np.hypot(*(there - way).T).max() <= 1.5
    assert np.hypot(*(back[-1] - way[0])) <= 1.5
