import dataclasses

import numpy as np
import pytest

from rostfine.errors import InputError
from rostfine.simulate.plan import StudySettings, plan_video, random_stream
from rostfine.simulate.sperm import quality

SETTINGS = StudySettings(patients=3, frames=20, seed=5)


def targets(plan):
    return [swimmer for swimmer in plan.swimmers if swimmer.sample_id is not None]


def test_a_video_has_6_tagged_sperm_and_4_others():
    plan = plan_video(SETTINGS, 0)
    assert len(targets(plan)) == 6
    assert len(plan.swimmers) == 10
    assert len({swimmer.sperm_id for swimmer in plan.swimmers}) == 10


@pytest.mark.parametrize("index", range(5))
def test_tagged_sperm_stay_80_px_from_the_border(index):
    for swimmer in targets(plan_video(SETTINGS, index)):
        assert swimmer.path.x_px.min() >= 80 - 2
        assert swimmer.path.y_px.min() >= 80 - 2
        assert swimmer.path.x_px.max() <= 1392 - 80 + 2
        assert swimmer.path.y_px.max() <= 976 - 80 + 2


@pytest.mark.parametrize("index", range(5))
def test_no_head_is_within_60_px_of_a_head_being_tagged(index):
    plan = plan_video(SETTINGS, index)
    for one in targets(plan):
        for other in plan.swimmers:
            if other is not one:
                at = one.tag_frame
                gap_px = np.hypot(
                    one.path.x_px[at] - other.path.x_px[at], one.path.y_px[at] - other.path.y_px[at]
                )
                assert gap_px >= 60


def test_a_tag_leaves_16_of_20_frames_and_not_all_tags_are_on_the_first():
    frames = [s.tag_frame for index in range(5) for s in targets(plan_video(SETTINGS, index))]
    assert min(frames) == 0
    assert max(frames) == 4


def test_one_video_is_the_same_in_a_larger_study():
    larger = dataclasses.replace(SETTINGS, patients=30)
    one, same = plan_video(SETTINGS, 2), plan_video(larger, 2)
    assert [s.traits for s in one.swimmers] == [s.traits for s in same.swimmers]
    assert np.array_equal(one.swimmers[0].path.x_px, same.swimmers[0].path.x_px)


def test_streams_of_4_purposes_and_2_videos_are_all_unlike():
    draws = {
        random_stream(SETTINGS, purpose, index).random()
        for purpose in ("plan", "field", "clicks", "votes")
        for index in (0, 1)
    }
    assert len(draws) == 8


def test_patients_explain_15_to_45_percent_of_the_variance_of_quality():
    videos = [
        [quality(swimmer.traits) for swimmer in plan_video(SETTINGS, index).swimmers]
        for index in range(150)
    ]
    within = np.mean(np.var(videos, axis=1, ddof=1))
    assert 0.15 < 1 - within / np.var(videos) < 0.45


def test_codecs_take_turns():
    mixed = dataclasses.replace(SETTINGS, codecs=("mjpeg", "h264"))
    assert [plan_video(mixed, index).codec for index in range(3)] == ["mjpeg", "h264", "mjpeg"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"patients": 0}, "patients: wanted at least 1, got 0"),
        ({"codecs": ("vp9",)}, "codecs: wanted one of mjpeg, h264, mpeg4, got 'vp9'"),
        ({"codecs": ()}, "codecs: wanted at least one of mjpeg, h264, mpeg4, got none"),
        ({"clip_frames": 21}, "clip_frames: wanted at most 20, got 21"),
        (
            {"codecs": ("h264",), "width_px": 321},
            "codecs: h264 wanted even sides of the frame, got 321x976",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(InputError) as caught:
        dataclasses.replace(SETTINGS, **wrong)
    assert str(caught.value) == message


def test_two_wrong_settings_are_told_on_two_lines():
    with pytest.raises(InputError) as caught:
        StudySettings(patients=0, experts=0)
    assert len(str(caught.value).splitlines()) == 2


def test_a_frame_of_100_px_has_no_room_for_6_sperm():
    small = dataclasses.replace(SETTINGS, width_px=100, height_px=100)
    with pytest.raises(InputError, match="V001: wanted room for 6 tagged sperm over 20 frames"):
        plan_video(small, 0)
