from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from rostfine.clips.pictures.field import COLOURS
from rostfine.tracking.field import FieldCount
from rostfine.tracking.shares import CountedTrack, Share
from rostfine.video.write import CODECS, write_video
from rostfine.visem.answer import SemenAnswer, answer_of, count_lines
from rostfine.visem.answer_picture import PANEL_PX, draw_answer


def answer(predicted: np.ndarray, target: str = "motility") -> SemenAnswer:
    video = Path("a.avi")
    return answer_of(predicted.astype(np.float32), video=video, model="m/1", target=target)


def count_of(share: Share, *, is_scale_known: bool = True) -> FieldCount:
    place_px = np.stack([np.linspace(20, 80, 30), np.full(30, 40.0)], axis=1)
    tracks = (CountedTrack(0, "progressive", 30.0, np.arange(30), place_px),)
    shares = dict.fromkeys(COLOURS, share)
    return FieldCount(Path("a.avi"), 10.0, 0.5, is_scale_known, 2, 2.0, shares, tracks)


def test_the_interval_of_a_mean_over_100_stacks_is_as_wide_as_its_standard_error_says():
    values = np.random.default_rng(0).normal([50, 30, 20], [10, 5, 0], (100, 3))
    found = answer(values)
    assert list(found.shares) == ["progressive_pct", "non_progressive_pct", "immotile_pct"]
    for share, column in zip(found.shares.values(), values.T, strict=True):
        assert share.percent == pytest.approx(column.mean(), abs=1e-4)
        error = column.std() / 10
        assert share.low == pytest.approx(share.percent - 1.96 * error, abs=0.1 * error + 1e-4)
        assert share.high == pytest.approx(share.percent + 1.96 * error, abs=0.1 * error + 1e-4)
    assert found == answer(values)


def test_one_stack_has_no_interval_and_json_says_null():
    found = answer(np.array([[50.0, 30.0, 20.0]]))
    share = found.plain()["shares"]["progressive_pct"]
    assert share == {"percent": 50.0, "low": None, "high": None}
    assert "nan" not in "\n".join(found.lines())


def test_percentages_below_0_and_above_100_are_said_as_they_are_with_bars_that_end():
    lines = list(answer(np.array([[-5.0, 50.0, 130.0]] * 2), "morphology").lines())
    assert [line.count("█") for line in lines] == [0, 0, 20, 40]
    assert "-5.0 %  (-5.0 to -5.0)" in lines[1]


def test_a_count_says_where_no_scale_was_known_and_where_nothing_was_followed():
    nothing = Share(np.nan, np.nan, np.nan)
    lines = list(count_lines(count_of(nothing, is_scale_known=False)))
    assert lines[0].startswith("classical count, an independent second opinion")
    assert all("no sperm followed" in line for line in lines[1:4])
    assert "um/px not given" in lines[4]
    assert len(list(count_lines(count_of(nothing)))) == 4


@pytest.mark.parametrize(("size_px", "rows"), [((120, 160), 960), ((40, 160), 720)])
def test_bars_of_the_picture_are_as_long_as_the_percentages(tmp_path, size_px, rows):
    video, out = tmp_path / "a.avi", tmp_path / "a.png"
    frames = [np.full(size_px, 90, np.uint8)] * 40
    write_video(video, frames, codec=CODECS["mjpeg"], frame_rate_hz=50.0)
    predicted = np.tile(np.array([[60.0, 30.0, 0.0]], np.float32), (4, 1))
    given = answer_of(predicted, video=video, model="m/1", target="motility")
    draw_answer(given, count_of(Share(20.0, 20.0, 20.0)), out)
    picture = np.rint(255 * imread(out)[..., :3]).astype(int)
    assert picture.shape == (rows, 1280 + PANEL_PX, 3)
    panel = picture[:, 1280:]
    lengths = [
        (panel == [int(colour[at : at + 2], 16) for at in (1, 3, 5)]).all(axis=2).sum(axis=1).max()
        for colour in (COLOURS["progressive"], COLOURS["non_progressive"])
    ]
    # An interval's line covers a little of its bar's end.
    assert lengths[0] == pytest.approx(2 * lengths[1], abs=6)
    assert (panel == [int(COLOURS["immotile"][at : at + 2], 16) for at in (1, 3, 5)]).all(
        axis=2
    ).sum() == 0


def test_without_a_count_the_picture_has_the_first_frame(tmp_path):
    video, out = tmp_path / "a.avi", tmp_path / "a.png"
    frames = [np.full((120, 160), 90, np.uint8)] * 20
    write_video(video, frames, codec=CODECS["mjpeg"], frame_rate_hz=50.0)
    predicted = np.full((2, 3), 30, np.float32)
    draw_answer(answer_of(predicted, video=video, model="m", target="morphology"), None, out)
    field = np.rint(255 * imread(out)[:960, :1280, :3])
    assert np.abs(field - 90).max() <= 2
