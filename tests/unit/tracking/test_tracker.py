from dataclasses import replace

import numpy as np
import pytest

from rostfine.tracking.tracker import Follower


def follow(frames, start, params) -> tuple[np.ndarray, Follower]:
    """Return x, y, score and whether it was seen, for each frame."""
    follower = Follower(frames[0], float(start[0]), float(start[1]), params)
    found = [follower.start, *(follower.step(frame) for frame in frames[1:])]
    return np.array([(p.x_px, p.y_px, p.score, p.is_seen) for p in found]), follower


@pytest.mark.parametrize("length_px", [11.0, 16.0, 26.0])
@pytest.mark.parametrize("depth", [-60.0, 45.0])
def test_a_moving_head_of_any_size_dark_or_bright_is_followed_within_1_px_for_16_frames(
    draw, curve, params, length_px, depth
):
    frames = draw(curve[:16], length_px=length_px, depth=depth)
    found, _ = follow(frames, curve[0], params)
    assert np.hypot(*(found[:, :2] - curve[:16]).T).max() <= 1.0
    assert found[:, 3].all()


def test_a_head_that_turns_by_10_degrees_a_frame_is_followed_within_1_5_px(draw, curve, params):
    frames = draw(curve, length_px=20.0, angles=np.deg2rad(10) * np.arange(30))
    found, _ = follow(frames, curve[0], params)
    assert np.hypot(*(found[:, :2] - curve).T).max() <= 1.5


def test_a_tag_beside_the_middle_of_the_head_moves_towards_it(draw, curve, params):
    tag_px = float(curve[0, 0]) + 3.0
    follower = Follower(draw(curve)[0], tag_px, float(curve[0, 1]), params)
    assert 0.6 <= tag_px - follower.start.x_px <= 3.0


def test_a_droplet_at_its_neck_does_not_draw_the_middle_away_from_a_tag_that_is_right(draw, params):
    droplet = np.array([[113.0, 100.0]])
    (frame,) = draw(np.array([[100.0, 100.0]]), droplet, length_px=20.0)
    start = Follower(frame, 100.0, 100.0, params).start
    assert np.hypot(start.x_px - 100, start.y_px - 100) <= 1.5


def test_less_contrast_changes_hardly_anything(draw, curve, params):
    frames = draw(curve)
    paler = [np.rint(0.6 * frame + 30).astype(np.uint8) for frame in frames]
    found, _ = follow(frames, curve[0], params)
    changed, _ = follow(paler, curve[0], params)
    assert np.abs(changed[:, :2] - found[:, :2]).max() < 0.8


def test_of_two_heads_that_pass_each_other_at_14_px_the_tagged_one_is_kept(draw, params):
    steps = np.arange(24)
    one = np.stack([40 + 6.0 * steps, np.full(24, 90.0)], axis=1)
    other = np.stack([180 - 6.0 * steps, np.full(24, 104.0)], axis=1)
    found, _ = follow(draw(one, other, length_px=12.0), one[0], params)
    assert np.hypot(*(found[:, :2] - one).T).max() <= 3.0


def test_a_head_that_vanishes_is_not_seen_from_that_frame_on_and_then_lost(draw, curve, params):
    frames = draw(curve)
    gone = draw(np.full((30, 2), -500.0), seed=2)
    found, follower = follow(frames[:10] + gone[10:13], curve[0], params)
    assert found[:10, 3].all()
    assert not found[10:, 3].any()
    assert (follower.unseen, follower.is_lost) == (3, False)
    follower.step(gone[13])
    assert follower.is_lost


def test_a_head_hidden_for_2_frames_is_found_again(draw, curve, params):
    frames = draw(curve)
    gone = draw(np.full((30, 2), -500.0), seed=2)
    found, follower = follow(frames[:10] + gone[10:12] + frames[12:], curve[0], params)
    assert found[:, 3].tolist() == [1.0] * 10 + [0.0] * 2 + [1.0] * 18
    assert np.hypot(*(found[12:, :2] - curve[12:]).T).max() <= 1.5
    assert follower.unseen == 0


def test_a_head_that_leaves_the_frame_is_lost_and_never_placed_on_another(draw, params):
    steps = np.arange(20)
    leaving = np.stack([200 + 6.0 * steps, np.full(20, 100.0)], axis=1)
    found, follower = follow(draw(leaving), leaving[0], params)
    assert follower.is_lost
    seen = found[:, 3] > 0
    assert seen[:6].all()
    assert found[seen, 0].max() <= 239
    assert np.hypot(*(found[seen, :2] - leaving[seen]).T).max() <= 8.0


def test_an_empty_place_is_lost_at_once(draw, params):
    frames = draw(np.full((8, 2), -500.0))
    found, follower = follow(frames[:5], (100, 100), params)
    assert not found[:, 3].any()
    assert follower.is_lost


def test_a_head_hardly_darker_than_the_noise_is_there(draw, curve, params):
    follower = Follower(draw(curve[:1], depth=-6.0)[0], *map(float, curve[0]), params)
    assert follower.start.is_seen
    assert not follower.is_lost


def test_a_stricter_score_loses_what_a_laxer_one_keeps(draw, curve, params):
    frames = draw(curve, depth=-6.0)
    _, lax = follow(frames[:8], curve[0], replace(params, min_score=0.0))
    _, strict = follow(frames[:8], curve[0], replace(params, min_score=0.99))
    assert (lax.is_lost, strict.is_lost) == (False, True)


def test_the_same_frames_give_the_same_track(draw, curve, params):
    frames = draw(curve)
    assert (follow(frames, curve[0], params)[0] == follow(frames, curve[0], params)[0]).all()
