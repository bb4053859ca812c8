import math
from dataclasses import replace

import numpy as np
import pytest

from rostfine.clips import follow, index
from rostfine.clips.cut import cut_video
from rostfine.tracking.tags import Tag
from rostfine.video import reader


@pytest.fixture
def cut(tracking, clips):
    """Cut with the params of these tests."""
    return lambda path, tags, most_frames=None, **changes: cut_video(
        path,
        tags,
        tracking=tracking,
        clips=replace(clips, **changes),
        most_frames=most_frames,
    )


def tag(sample: str, x_px: float, y_px: float, frame: int = 0) -> Tag:
    return Tag(sample, "v", frame, x_px, y_px)


def test_a_tag_on_nothing_is_lost_in_its_own_frame_and_has_no_track(film, cut, tmp_path):
    path = film(tmp_path / "v.avi", [(30, 40)])
    (found,) = cut(path, [tag("s", 130.0, 100.0, frame=1)])
    assert (found.status, found.frames) == ("lost", None)
    assert found.reason == "lost at frame 1: no head stands out under the tag"
    assert found.centre_px.shape == (0, 2)


@pytest.mark.parametrize("codec", ["mjpeg", "mpeg4"])
def test_a_clip_follows_its_sperm_and_keeps_it_in_the_middle(film, cut, tmp_path, codec):
    path = film(tmp_path / "v.mkv", [(40, 50)], codec=codec)
    (found,) = cut(path, [tag("s", 40.0, 50.0)])
    assert (found.status, found.reason, found.frame_rate_hz) == ("ok", "", 15)
    assert found.frames.shape == (6, 40, 40, 3)
    wanted = np.stack([40 + 3 * np.arange(6), 50 + np.arange(6)], axis=1)
    assert np.abs(found.centre_px - wanted).max() < 0.5
    assert found.time_s == pytest.approx(np.arange(6) / 15, abs=1e-3)
    assert (found.frames[:, 17:23, 17:23].mean(axis=(1, 2, 3)) < 90).all()
    assert (found.frames[:, :5, :5].mean(axis=(1, 2, 3)) > 110).all()


def test_reading_stops_at_the_last_frame_that_is_needed_and_all_tags_share_it(
    film, cut, tmp_path, monkeypatch
):
    decoded = []

    class Counted(reader.Frame):
        def __init__(self, picture, **given):
            decoded.append(given["index"])
            super().__init__(picture, **given)

    monkeypatch.setattr(reader, "Frame", Counted)
    path = film(tmp_path / "v.avi", [(40, 50), (60, 90)], frames=20)
    found = cut(path, [tag("a", 40.0, 50.0), tag("b", 66.0, 92.0, 2)])
    assert [c.status for c in found] == ["ok", "ok"]
    assert len(decoded) == 8


def test_a_square_beyond_the_border_is_reflected_and_not_moved(film, cut, tmp_path):
    path = film(tmp_path / "v.avi", [(10, 8)])
    (found,) = cut(path, [tag("s", 10.0, 8.0)], frames=1, size_px=41)
    x_px, y_px = found.centre_px[0]
    assert (x_px, y_px) == pytest.approx((10, 8), abs=0.5)
    with reader.open_video(path) as video:
        luma = next(video.frames()).luma.astype(float)
    assert np.abs(found.frames[0, 20, 20].mean() - luma[8, 10]) < 6
    square = found.frames[0].mean(axis=2)
    # Column 10 is the first of the video, and row 12: what lies before mirrors what follows.
    assert np.abs(square[20, 4] - square[20, 16]) < 8
    assert np.abs(square[6, 20] - square[18, 20]) < 8


def test_a_sperm_that_vanishes_is_lost_with_its_frame_and_no_clip(film, cut, tmp_path):
    path = film(tmp_path / "v.avi", [(30, 50)], frames=16, gone_from=5)
    (found,) = cut(path, [tag("s", 30.0, 50.0)], frames=14)
    assert (found.status, found.frames) == ("lost", None)
    assert found.reason == "lost at frame 5: not recognised up to frame 8"
    assert len(found.centre_px) == len(found.score) == len(found.time_s) == 5


def test_a_sperm_not_seen_in_the_last_frame_is_lost_too(film, cut, tmp_path):
    path = film(tmp_path / "v.avi", [(30, 50)], gone_from=5)
    (found,) = cut(path, [tag("s", 30.0, 50.0)])
    assert (found.status, found.reason) == (
        "lost",
        "lost at frame 5: not recognised up to frame 5",
    )


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ((163.0, 5.0, 0), "the tag at x 163, y 5 lies outside of the frame of 163x121 px"),
        ((5.0, -0.5, 0), "the tag at x 5, y -0.5 lies outside of the frame of 163x121 px"),
        ((40.0, 50.0, 99), "the tag is in frame 99, found 12 frames"),
        ((61.0, 57.0, 7), "wanted 6 frames from frame 7, found 5"),
    ],
)
def test_a_bad_tag_fails_with_its_reason_and_the_good_one_is_cut(film, cut, tmp_path, where, words):
    path = film(tmp_path / "v.avi", [(40, 50)])
    x_px, y_px, frame = where
    bad, good = cut(path, [tag("bad", x_px, y_px, frame), tag("good", 40.0, 50.0)])
    assert (bad.status, bad.reason) == ("failed", f"{path}: {words}")
    assert (bad.frames, len(bad.score)) == (None, 0)
    assert good.status == "ok"


def test_a_truncated_video_fails_only_clips_that_need_what_is_missing(film, cut, tmp_path):
    path = film(tmp_path / "v.avi", [(40, 50)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    early, late = cut(path, [tag("early", 40.0, 50.0), tag("late", 52.0, 54.0, 4)])
    assert early.status == "ok"
    assert late.status == "failed"
    assert str(path) in late.reason


def test_no_video_fails_every_tag(cut, tmp_path):
    (tmp_path / "v.avi").write_bytes(b"nothing")
    found = cut(tmp_path / "v.avi", [tag("a", 1.0, 1.0), tag("b", 2.0, 2.0)])
    assert [c.status for c in found] == ["failed", "failed"]
    assert "v.avi: not a readable video" in found[1].reason


@pytest.mark.parametrize(
    ("follow_s", "most_frames", "tracked"),
    [
        (0.0, None, 6),
        (0.5, None, 9),
        (9.0, None, 12),
        (0.0, 8.0, 8),
        (0.0, 3.0, 6),
        (0.0, math.inf, 12),
    ],
)
def test_a_sperm_is_followed_beyond_its_clip_for_as_long_as_is_wanted(
    film, tracking, clips, tmp_path, follow_s, most_frames, tracked
):
    path = film(tmp_path / "v.avi", [(40, 50)])
    tracking = replace(tracking, follow_s=follow_s)
    (found,) = cut_video(
        path, [tag("s", 40.0, 50.0)], tracking=tracking, clips=clips, most_frames=most_frames
    )
    assert (found.status, len(found.frames), found.clip_frames) == ("ok", 6, 6)
    assert len(found.centre_px) == len(found.score) == len(found.time_s) == tracked


def test_what_ends_a_track_after_the_clip_does_not_cost_the_clip(film, cut, tmp_path):
    path = film(tmp_path / "v.avi", [(30, 50)], frames=16, gone_from=8)
    (found,) = cut(path, [tag("s", 30.0, 50.0)], most_frames=math.inf)
    assert (found.status, len(found.frames), len(found.centre_px)) == ("ok", 6, 8)


def test_a_sperm_that_is_missed_at_the_end_of_its_clip_and_found_again_is_not_lost(
    film, cut, tmp_path
):
    path = film(tmp_path / "v.avi", [(30, 50)], frames=12, hidden=range(5, 7))
    (found,) = cut(path, [tag("s", 30.0, 50.0)], most_frames=12.0)
    assert (found.status, found.is_seen.tolist()) == ("ok", [True] * 5 + [False] * 2 + [True] * 5)


def test_the_part_of_a_square_that_is_no_reflection_is_told(film, cut, tmp_path):
    path = film(tmp_path / "v.avi", [(10, 8)])
    (found,) = cut(path, [tag("s", 10.0, 8.0)], frames=1, size_px=41)
    assert np.abs(found.inside_px[0] - (10, 12, 41, 41)).max() <= 1


def test_a_track_that_went_over_to_a_neighbour_gives_no_clip_and_is_marked(
    film, cut, tmp_path, monkeypatch
):
    path = film(tmp_path / "v.avi", [(40, 50)])
    monkeypatch.setattr(follow, "SURE", 2.0)
    monkeypatch.setattr(follow, "find_loss", lambda squares, centre_px, params: 3)
    (found,) = cut(path, [tag("s", 40.0, 50.0, 2)])
    assert (found.status, found.frames) == ("lost", None)
    assert found.reason.startswith("lost at frame 5: followed back")
    assert index.track_of(found)["status"].to_list() == ["tagged", *["seen"] * 2, *["doubtful"] * 3]
