import numpy as np
import pytest

from rostfine.errors import InputError
from rostfine.tracking.windows import choose_starts, read_windows
from rostfine.video.write import CODECS, write_video


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "grey.avi"
    frames = [np.full((64, 64), 2 * frame, np.uint8) for frame in range(100)]
    write_video(path, frames, codec=CODECS["mjpeg"], frame_rate_hz=20.0)
    return path


def test_windows_reach_from_the_first_frame_to_the_last_and_do_not_overlap():
    assert choose_starts(100, length=20, windows=3) == [0, 40, 80]
    assert choose_starts(100, length=20, windows=9) == [0, 20, 40, 60, 80]
    assert choose_starts(15, length=20, windows=9) == [0]


def test_a_window_holds_its_own_frames_with_their_times(video):
    read = list(read_windows(video, windows=3, window_s=1.0, least_s=0.5))
    assert [window.first_frame for window in read] == [0, 40, 80]
    assert [len(window.lumas) for window in read] == [20, 20, 20]
    levels = [int(luma.mean().round()) for luma in read[1].lumas]
    np.testing.assert_allclose(levels, np.arange(80, 120, 2), atol=1)
    np.testing.assert_allclose(read[1].time_s, np.arange(40, 60) / 20)


def test_a_video_shorter_than_the_shortest_track_is_an_error_that_says_how_short(video):
    with pytest.raises(InputError, match=r"grey.avi: wanted 120 frames \(6 s\) or more, got 100"):
        list(read_windows(video, windows=3, window_s=8.0, least_s=6.0))
