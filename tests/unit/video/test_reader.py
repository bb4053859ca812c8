import numpy as np
import pytest

from rostfine.errors import VideoError
from rostfine.video.reader import open_video


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "tolerance"),
    [
        ("a.avi", "mjpeg", "yuvj420p", 2),
        ("b.avi", "mjpeg", "yuvj422p", 2),
        ("c.mov", "mjpeg", "yuvj444p", 2),
        ("d.mkv", "ffv1", "gray", 0),
        ("e.avi", "rawvideo", "gray", 0),
        ("f.mkv", "ffv1", "gray16le", 1),
        ("g.avi", "rawvideo", "bgr24", 1),
        ("h.mkv", "ffv1", "yuv420p10le", 2),
    ],
)
def test_luma_and_grey_crops_of_every_format_are_what_was_written(
    encode, frames, name, codec, pixels, tolerance
):
    with open_video(encode(name, frames, codec, pixels)) as video:
        assert (video.info.width_px, video.info.height_px) == (131, 97)
        assert video.info.frame_rate_hz == 15
        for wanted, frame in zip(frames, video.frames(), strict=True):
            assert frame.luma.shape == (97, 131)
            assert np.abs(frame.luma.astype(int) - wanted).max() <= tolerance
            square = frame.cut_rgb(60.0, 50.0, size_px=21)
            off = square.astype(int) - wanted[40:61, 50:71, None]
            assert np.abs(off).max() <= tolerance + 1


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("b.mp4", "mpeg4", "yuv420p"),
        ("c.avi", "mjpeg", "yuvj422p"),
        ("d.mkv", "ffv1", "yuv410p"),
        ("f.mkv", "ffv1", "bgr0"),
    ],
)
def test_a_crop_has_the_colours_that_a_conversion_of_the_whole_frame_has(
    encode, name, codec, pixels
):
    col, row = np.meshgrid(np.arange(130), np.arange(96))
    colours = np.stack([60 + col, 190 - col, 40 + row], axis=2).astype(np.uint8)
    path = encode(name, [colours] * 3, codec, pixels)
    with open_video(path) as video:
        frame = next(video.frames())
        square = frame.cut_rgb(65.0, 48.0, size_px=31)
        whole = frame._picture.to_ndarray(format="rgb24")
    assert np.abs(square.astype(int) - whole[33:64, 50:81]).max() <= 5
    assert np.abs(square.astype(int) - whole[33:64, 50:81]).mean() <= 2


def test_frames_carry_their_own_time_stamps(encode, frames):
    pts = [0, 40, 100, 110, 250, 251, 400, 900]
    with open_video(encode("a.mkv", frames, "ffv1", "gray", pts=pts)) as video:
        read = list(video.frames())
    assert [frame.time_s for frame in read] == pytest.approx([p / 1000 for p in pts])
    assert [frame.index for frame in read] == list(range(8))


def test_a_header_with_a_wrong_frame_count_changes_nothing(encode, frames):
    path = encode("a.avi", frames, "mjpeg", "yuvj420p")
    content = bytearray(path.read_bytes())
    for chunk, offset in ((b"avih", 24), (b"strh", 40)):
        at = content.index(chunk) + offset
        assert int.from_bytes(content[at : at + 4], "little") == 8
        content[at : at + 4] = (500).to_bytes(4, "little")
    path.write_bytes(content)
    with open_video(path) as video:
        assert video.info.frame_count == 500
        assert len(list(video.frames())) == 8


def test_a_truncated_video_gives_its_good_frames_and_then_an_error(encode, frames):
    path = encode("a.avi", frames, "mjpeg", "yuvj420p")
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size * 6 // 10])
    read = []
    with open_video(path) as video, pytest.raises(VideoError, match=r"a\.avi: frame \d cannot"):
        read.extend(video.frames())
    assert [frame.index for frame in read] == list(range(len(read)))
    assert 1 <= len(read) <= 5


def test_damage_in_the_middle_of_h264_is_an_error_and_no_smeared_picture(encode, tmp_path):
    rng = np.random.default_rng(0)
    noisy = [rng.integers(0, 256, (96, 130), dtype=np.uint8) for _ in range(12)]
    path = encode("a.mp4", noisy, "libx264", "yuv420p")
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    content[half : half + 600] = bytes(600)
    path.write_bytes(content)
    with open_video(path) as video, pytest.raises(VideoError, match="frame"):
        list(video.frames())


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.avi", b"", "empty.avi: not a readable video"),
        ("text.mp4", b"hello" * 100, "text.mp4: not a readable video"),
    ],
)
def test_what_is_no_video_is_named(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=words), open_video(tmp_path / name):
        pass


def test_a_missing_file_is_named(tmp_path):
    wanted = pytest.raises(VideoError, match=r"none\.avi: no such file")
    with wanted, open_video(tmp_path / "none.avi"):
        pass


def test_luma_cannot_be_written_to(encode, frames):
    with open_video(encode("a.avi", frames, "mjpeg", "yuvj420p")) as video:
        frame = next(video.frames())
        with pytest.raises(ValueError, match="read-only"):
            frame.luma[0, 0] = 1
