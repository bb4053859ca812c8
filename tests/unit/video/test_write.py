import av
import numpy as np
import pytest

from rostfine.video.reader import open_video
from rostfine.video.write import CODECS, write_video


def moving_square(count, width_px, height_px):
    for frame in range(count):
        luma = np.full((height_px, width_px), 100, np.uint8)
        luma[20:60, 10 + 4 * frame : 50 + 4 * frame] = 180
        yield luma


def decoded(path):
    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate
        frames = list(container.decode(video=0))
    planes = []
    for frame in frames:
        plane = frame.planes[0]
        lines = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        planes.append(lines[:, : frame.width])
    return rate, planes


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("frame_rate_hz", [15.0, 24.0])
def test_12_frames_come_back_in_order_size_and_rate(tmp_path, name, frame_rate_hz):
    path = tmp_path / f"video{CODECS[name].suffix}"
    wanted = list(moving_square(12, 160, 120))
    write_video(path, wanted, codec=CODECS[name], frame_rate_hz=frame_rate_hz)
    rate, found = decoded(path)
    assert rate == frame_rate_hz
    assert [frame.shape for frame in found] == [(120, 160)] * 12
    errors = np.abs(np.array(found).astype(int) - np.array(wanted)).mean(axis=(1, 2))
    assert errors.max() < 2


@pytest.mark.parametrize("name", ["mjpeg", "mpeg4"])
def test_a_frame_of_161_by_121_px_keeps_its_odd_size(tmp_path, name):
    path = tmp_path / f"video{CODECS[name].suffix}"
    write_video(path, moving_square(2, 161, 121), codec=CODECS[name], frame_rate_hz=15.0)
    assert decoded(path)[1][1].shape == (121, 161)


def test_chroma_says_grey(tmp_path):
    write_video(
        tmp_path / "v.avi", moving_square(1, 160, 120), codec=CODECS["mjpeg"], frame_rate_hz=15.0
    )
    with av.open(str(tmp_path / "v.avi")) as container:
        rgb = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert np.ptp(rgb, axis=2).max() <= 1


@pytest.mark.parametrize("name", CODECS)
def test_the_same_frames_give_the_same_bytes(tmp_path, name):
    paths = [tmp_path / f"{i}{CODECS[name].suffix}" for i in range(2)]
    for path in paths:
        write_video(path, moving_square(5, 160, 120), codec=CODECS[name], frame_rate_hz=15.0)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("name", CODECS)
def test_colours_come_back(tmp_path, name):
    row, col = np.indices((120, 160))
    rgb = np.stack([60 + col, 220 - col, 40 + row], axis=2).astype(np.uint8)
    path = tmp_path / f"video{CODECS[name].suffix}"
    write_video(path, [rgb] * 3, codec=CODECS[name], frame_rate_hz=15.0)
    with open_video(path) as video:
        found = [frame.cut_rgb(79.0, 59.0, size_px=101) for frame in video.frames()]
    assert len(found) == 3
    off = np.abs(np.array(found).astype(int) - rgb[9:110, 29:130])
    assert off.max() <= 8
    assert off.mean() <= 2.5


@pytest.mark.parametrize("channels", [(), (3,)])
def test_where_sides_must_be_even_an_odd_one_gets_its_last_line_twice(tmp_path, channels):
    frame = np.full((121, 161, *channels), 100, np.uint8)
    frame[-1], frame[:, -1] = 160, 40
    write_video(tmp_path / "v.mp4", [frame], codec=CODECS["h264"], frame_rate_hz=15.0)
    luma = decoded(tmp_path / "v.mp4")[1][0].astype(int)
    assert luma.shape == (122, 162)
    assert np.abs(luma[120:, 20:140] - 160).max() <= 6
    assert np.abs(luma[20:100, 160:] - 40).max() <= 6
