from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

from rostfine.clips.pictures.overlay import draw_overlay
from rostfine.errors import InputError, VideoError
from rostfine.video.reader import open_video
from rostfine.video.write import CODECS, write_video

BOX_PX = 24
ZOOM = 4
"""Of a video 320 px wide."""


def tracks_of(
    sample_id: str, start: tuple[float, float], frames: range, unseen: tuple[int, ...] = ()
) -> pd.DataFrame:
    """Follow a disc of `film`, which goes by (3, 1) px a frame."""
    return pd.DataFrame(
        {
            "sample_id": sample_id,
            "frame": list(frames),
            "time_s": [f / 15 for f in frames],
            "x_px": [start[0] + 3 * f for f in frames],
            "y_px": [start[1] + f for f in frames],
            "score": [1.0] + [0.8] * (len(frames) - 1),
            "status": ["unseen" if f in unseen else "seen" for f in frames],
        }
    )


def read_rgb(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def colourfulness(picture: np.ndarray) -> np.ndarray:
    return np.ptp(picture.astype(int), axis=2)


def around(picture: np.ndarray, x_px: float, y_px: float, reach_px: float) -> np.ndarray:
    """Cut the square of an overlay that shows so much of the video."""
    x, y, reach = (round(ZOOM * v) for v in (x_px + 0.5, y_px + 0.5, reach_px))
    return picture[y - reach : y + reach, x - reach : x + reach]


@pytest.fixture
def video(tmp_path: Path, film: Callable[..., Path]) -> Path:
    return film(tmp_path / "v.avi", [(60.0, 60.0), (180.0, 120.0)], size=(240, 320), frames=10)


def test_the_tracked_frames_are_written_at_the_rate_of_the_video_for_browsers(video, tmp_path):
    out = tmp_path / "seen.mp4"
    draw_overlay(video, tracks_of("S1", (60, 60), range(2, 9)), out, box_px=BOX_PX)
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, float(stream.average_rate)) == ("h264", 15.0)
        assert stream.codec_context.pix_fmt in ("yuv420p", "yuvj420p")
        assert (stream.width, stream.height) == (320 * ZOOM, 240 * ZOOM)
        assert sum(1 for _ in container.decode(stream)) == 7


def test_a_coloured_box_is_around_the_head_and_nothing_over_it(video, tmp_path):
    out = tmp_path / "seen.mp4"
    draw_overlay(video, tracks_of("S1", (60, 60), range(10)), out, box_px=BOX_PX)
    with open_video(video) as opened:
        lumas = [frame.luma.copy() for frame in opened.frames()]
    for index, picture in enumerate(read_rgb(out)):
        x_px, y_px = 60 + 3 * index, 60 + index
        head = around(picture, x_px, y_px, BOX_PX / 2 - 2)
        assert colourfulness(head).max() < 30
        plain = np.kron(lumas[index], np.ones((ZOOM, ZOOM)))[..., None]
        assert np.abs(head - around(plain, x_px, y_px, BOX_PX / 2 - 2)).mean() < 4
        box = colourfulness(around(picture, x_px, y_px, BOX_PX / 2 + 1))
        for side in (box[:12], box[-12:], box[:, :12], box[:, -12:]):
            assert (side > 60).sum() > 60


def test_the_box_is_grey_where_the_place_is_presumed(video, tmp_path):
    out = tmp_path / "seen.mp4"
    draw_overlay(video, tracks_of("S1", (60, 60), range(10), unseen=(5,)), out, box_px=BOX_PX)
    # Without the caption above the box and the tail behind it.
    lower_right = [
        around(picture, 60 + 3 * i, 60 + i, BOX_PX / 2 + 2)[ZOOM * BOX_PX // 2 + 20 :, 60:]
        for i, picture in enumerate(read_rgb(out))
    ]
    colours = [colourfulness(part).max() for part in lower_right]
    assert colours[5] < 40
    assert min(colours[4], colours[6]) > 60


def test_the_box_is_dashed_where_the_place_is_presumed_and_whole_where_it_was_seen(video, tmp_path):
    out = tmp_path / "seen.mp4"
    draw_overlay(video, tracks_of("S1", (60, 60), range(10), unseen=(5,)), out, box_px=BOX_PX)
    spread = []
    for index, picture in enumerate(read_rgb(out)):
        left, bottom = ZOOM * (60 + 3 * index - 10), ZOOM * (60 + index + BOX_PX // 2) + 2
        lines = picture[bottom - 3 : bottom + 3, left : left + ZOOM * 20].mean(axis=2)
        spread.append(np.ptp(lines, axis=1)[lines.mean(axis=1).argmax()])
    assert spread[5] > 50
    assert max(spread[4], spread[6]) < 40


def test_the_middle_of_the_box_is_the_middle_of_the_tracked_pixel(video, tmp_path):
    out = tmp_path / "seen.mp4"
    draw_overlay(video, tracks_of("S1", (60, 60), range(1)), out, box_px=BOX_PX)
    near = around(read_rgb(out)[0], 60, 60, BOX_PX / 2 + 2)
    # Across the sides of the box, left and right: the caption is above.
    line = near[len(near) // 2 - 20 : len(near) // 2 + 20].mean(axis=(0, 2))
    dark = np.flatnonzero(line < 100)
    dark = dark[np.abs(dark - len(near) / 2) > ZOOM * 9]
    assert dark.min() + dark.max() == pytest.approx(len(near) - 1, abs=1)


def test_the_caption_is_above_in_the_colour_of_the_box_and_the_time_in_a_corner(video, tmp_path):
    out = tmp_path / "seen.mp4"
    draw_overlay(video, tracks_of("S1", (60, 60), range(2)), out, box_px=BOX_PX)
    picture = read_rgb(out)[1]
    top = ZOOM * (61 - BOX_PX // 2)
    above = picture[top - 25 : top - 3, ZOOM * 63 - 60 : ZOOM * 63 + 60]
    assert (colourfulness(above) > 60).sum() > 50
    corner = picture[-50:, :250]
    assert (corner > 230).all(axis=2).sum() > 100
    assert (colourfulness(corner) < 20).all()


def test_a_tail_shows_where_the_head_was(video, tmp_path):
    out = tmp_path / "seen.mp4"
    draw_overlay(video, tracks_of("S1", (60, 60), range(10)), out, box_px=12)
    last = read_rgb(out)[9]
    for frame in (1, 3, 5):
        x_px, y_px = 60 + 3 * frame, 60 + frame
        assert colourfulness(around(last, x_px, y_px, 1)).max() > 50


def test_a_track_that_ended_is_crossed_out_while_others_go_on(video, tmp_path):
    tracks = pd.concat(
        [tracks_of("S1", (60, 60), range(4)), tracks_of("S2", (180, 120), range(10))]
    )
    out = tmp_path / "seen.mp4"
    draw_overlay(video, tracks, out, box_px=BOX_PX)
    pictures = read_rgb(out)
    assert colourfulness(around(pictures[3], 69, 63, 3)).max() < 30
    assert colourfulness(around(pictures[6], 69, 63, 3)).max() > 60


def test_a_slow_video_plays_at_5_frames_a_second(tmp_path):
    frames = [np.full((40, 60), 128, np.uint8)] * 3
    write_video(tmp_path / "slow.avi", frames, codec=CODECS["mjpeg"], frame_rate_hz=1.0)
    out = tmp_path / "seen.mp4"
    draw_overlay(tmp_path / "slow.avi", tracks_of("S1", (20, 20), range(3)), out, box_px=9)
    with av.open(str(out)) as container:
        assert float(container.streams.video[0].average_rate) == 5.0


def test_a_video_shorter_than_its_tracks_is_an_error_and_nothing_is_written(video, tmp_path):
    tracks = tracks_of("S1", (60, 60), range(14))
    with pytest.raises(VideoError, match=r"v\.avi: wanted frames up to 13, .* found 10 frames"):
        draw_overlay(video, tracks, tmp_path / "out/seen.mp4", box_px=BOX_PX)
    assert list((tmp_path / "out").iterdir()) == []


def test_no_tracks_are_an_error(video, tmp_path):
    tracks = tracks_of("S1", (60, 60), range(1)).iloc[:0]
    with pytest.raises(InputError, match=r"v\.avi: wanted tracks to draw, found none"):
        draw_overlay(video, tracks, tmp_path / "seen.mp4", box_px=BOX_PX)
