from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from rostfine.clips.pictures.sheet import (
    BEYOND,
    CELL_PX,
    GAP_PX,
    MARGIN_PX,
    NAME_PX,
    choose_frames,
    draw_sheet,
)
from rostfine.clips.pictures.sheet import ROW_PX as ROW
from rostfine.clips.pictures.sheet import TOP_PX as TOP
from rostfine.clips.pictures.trails import trails_of
from rostfine.errors import InputError, VideoError
from rostfine.video.write import CODECS, write_video

BOX_PX = 20


def tracks_of(sample_id: str, x_px: float, y_px: float, scores: list[float]) -> pd.DataFrame:
    count = len(scores)
    return pd.DataFrame(
        {
            "sample_id": sample_id,
            "frame": range(count),
            "time_s": [f / 15 for f in range(count)],
            "x_px": x_px,
            "y_px": y_px,
            "score": scores,
            "status": ["tagged"] + ["unseen" if s < 0.3 else "seen" for s in scores[1:]],
        }
    )


def read(path: Path) -> np.ndarray:
    return np.rint(imread(path)[..., :3] * 255).astype(int)


def cell(sheet: np.ndarray, row: int, column: int) -> np.ndarray:
    top, left = TOP + row * ROW, MARGIN_PX + NAME_PX + column * (CELL_PX + GAP_PX)
    return sheet[top : top + CELL_PX, left : left + CELL_PX]


def ground(part: np.ndarray) -> int:
    """Tell the grey of a cell, away from its box."""
    return int(np.median(part[:20]))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A frame is dark on its left half and bright on its right, by 2 more in each frame."""
    halves = np.repeat(np.array([60, 180], dtype=np.uint8), 150)
    frames = [np.tile(halves, (200, 1)) + np.uint8(2 * i) for i in range(20)]
    write_video(tmp_path / "v.mp4", frames, codec=CODECS["h264"], frame_rate_hz=15.0)
    return tmp_path / "v.mp4"


def test_of_100_frames_16_are_chosen_with_first_last_and_the_lowest_score_among_them():
    scores = [0.9] * 100
    scores[0], scores[52] = 0.0, 0.2
    (trail,) = trails_of(tracks_of("S1", 9, 9, scores))
    chosen = choose_frames(trail)
    assert len(chosen) == 16
    assert (chosen[0], chosen[-1]) == (0, 99)
    assert 52 in chosen
    assert max(np.diff(chosen)) <= 10


def test_the_worst_track_is_first_and_its_frames_are_side_by_side(video, tmp_path):
    tracks = pd.concat(
        [tracks_of("S1", 60, 100, [1.0, 0.9, 0.9]), tracks_of("S2", 240, 100, [1.0, 0.5, 0.9])]
    )
    draw_sheet(video, tracks, tmp_path / "sheet.png", box_px=BOX_PX)
    sheet = read(tmp_path / "sheet.png")
    assert [ground(cell(sheet, 0, i)) for i in range(3)] == pytest.approx([180, 182, 184], abs=2)
    assert [ground(cell(sheet, 1, i)) for i in range(3)] == pytest.approx([60, 62, 64], abs=2)


def test_lost_samples_come_before_lower_scores(video, tmp_path):
    tracks = pd.concat(
        [tracks_of("S1", 60, 100, [1.0, 0.9]), tracks_of("S2", 240, 100, [1.0, 0.5])]
    )
    draw_sheet(video, tracks, tmp_path / "sheet.png", box_px=BOX_PX, lost={"S1": "lost at frame 2"})
    assert ground(cell(read(tmp_path / "sheet.png"), 0, 0)) == pytest.approx(60, abs=2)


def test_a_cell_is_4_boxes_wide(video, tmp_path):
    draw_sheet(video, tracks_of("S1", 129.5, 100, [1.0]), tmp_path / "s.png", box_px=BOX_PX)
    line = cell(read(tmp_path / "s.png"), 0, 0)[10, :, 0]
    # The bright half begins 20 px from the head.
    assert (line > 120).argmax() == pytest.approx(CELL_PX * (0.5 + 20 / (4 * BOX_PX)), abs=2)


def test_the_box_is_coloured_where_seen_and_grey_where_presumed(video, tmp_path):
    tracks = tracks_of("S1", 60, 100, [1.0, 0.9, 0.1])
    draw_sheet(video, tracks, tmp_path / "sheet.png", box_px=BOX_PX)
    sheet = read(tmp_path / "sheet.png")
    colours = [np.ptp(cell(sheet, 0, column), axis=2).max() for column in range(3)]
    assert min(colours[:2]) > 100
    assert colours[2] < 20
    middle = slice(CELL_PX // 2 - 10, CELL_PX // 2 + 10)
    assert np.ptp(cell(sheet, 0, 0)[middle, middle]) <= 4


def test_the_lowest_score_is_red_and_the_others_are_not(video, tmp_path):
    draw_sheet(video, tracks_of("S1", 60, 100, [1.0, 0.9, 0.4]), tmp_path / "s.png", box_px=BOX_PX)
    sheet = read(tmp_path / "s.png")
    below = sheet[TOP + CELL_PX : TOP + CELL_PX + 22]
    for column, is_red in enumerate((False, False, True)):
        left = MARGIN_PX + NAME_PX + column * (CELL_PX + GAP_PX)
        part = below[:, left : left + CELL_PX]
        assert bool((part[..., 0] - part[..., 2]).max() > 80) is is_red


def test_what_lies_beyond_the_border_is_blank(video, tmp_path):
    draw_sheet(video, tracks_of("S1", 0, 100, [1.0]), tmp_path / "s.png", box_px=BOX_PX)
    part = cell(read(tmp_path / "s.png"), 0, 0)
    assert (part[:20, : CELL_PX // 2 - 2] == BEYOND).all()
    assert ground(part[:, CELL_PX // 2 + 2 :]) == pytest.approx(60, abs=2)


@pytest.mark.parametrize(("samples", "rows"), [(1, 1), (40, 40), (60, 40)])
def test_at_most_40_rows_are_shown(video, tmp_path, samples, rows):
    tracks = pd.concat([tracks_of(f"S{i}", 60, 100, [1.0]) for i in range(samples)])
    draw_sheet(video, tracks, tmp_path / "s.png", box_px=BOX_PX)
    assert read(tmp_path / "s.png").shape[0] == TOP + rows * ROW + MARGIN_PX


def test_a_long_name_stays_out_of_the_pictures(video, tmp_path):
    tracks = tracks_of("a_very_long_name_of_a_sample_" * 4, 60, 100, [1.0])
    draw_sheet(video, tracks, tmp_path / "s.png", box_px=BOX_PX)
    sheet = read(tmp_path / "s.png")
    between = sheet[TOP:, MARGIN_PX + NAME_PX - 8 : MARGIN_PX + NAME_PX]
    assert (between == 255).all()
    assert (sheet[TOP:, MARGIN_PX : MARGIN_PX + NAME_PX - 8] < 128).any()


def test_the_same_tracks_give_the_same_bytes(video, tmp_path):
    for name in ("a.png", "b.png"):
        tracks = tracks_of("S1", 60, 100, [1.0, 0.9])
        draw_sheet(video, tracks, tmp_path / name, box_px=BOX_PX)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_short_video_and_no_tracks_are_errors_and_nothing_is_written(video, tmp_path):
    tracks = tracks_of("S1", 60, 100, [1.0] * 30)
    draw: Callable[[pd.DataFrame], None] = lambda t: draw_sheet(  # noqa: E731
        video, t, tmp_path / "s.png", box_px=BOX_PX
    )
    with pytest.raises(VideoError, match="wanted frames up to 29, .* found 20 frames"):
        draw(tracks)
    with pytest.raises(InputError, match="wanted tracks to draw, found none"):
        draw(tracks.iloc[:0])
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]
