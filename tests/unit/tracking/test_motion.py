import pytest

from rostfine.tracking.motion import Motion


def test_steady_motion_is_predicted_within_half_a_pixel_after_8_frames():
    motion = Motion(10.0, 20.0, head_px=10.0, speed_heads=0.5, turn_heads=0.3)
    for step in range(1, 9):
        motion.predict()
        motion.correct(10 + 4.0 * step, 20 - 2.0 * step)
    expected = motion.predict()
    assert (expected.x_px, expected.y_px) == pytest.approx((46, 2), abs=0.5)


def test_news_make_the_prediction_surer_and_their_lack_less_sure():
    motion = Motion(0.0, 0.0, head_px=10.0, speed_heads=0.5, turn_heads=0.3)
    first = motion.predict().sd_px
    motion.correct(1.0, 1.0)
    second = motion.predict().sd_px
    motion.coast()
    third = motion.predict().sd_px
    assert second < first
    assert second < third


def test_everything_scales_with_the_head():
    small = Motion(0.0, 0.0, head_px=10.0, speed_heads=0.5, turn_heads=0.3)
    large = Motion(0.0, 0.0, head_px=20.0, speed_heads=0.5, turn_heads=0.3)
    for motion, step_px in ((small, 3.0), (large, 6.0)):
        motion.predict()
        motion.correct(step_px, 0.0)
    one, two = small.predict(), large.predict()
    assert (two.x_px, two.sd_px) == pytest.approx((2 * one.x_px, 2 * one.sd_px))
