import struct

import av
import numpy as np
import pytest

from rostfine.errors import VideoError
from rostfine.video.reader import open_video
from rostfine.video.write import CODECS, write_video


def chunk(name, *parts):
    body = b"".join(parts)
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def avi_with_inverted_palette(frames):
    """Lay out an AVI of 8-bit indices, from the bottom line up, as ImageJ and cameras write it."""
    rows, cols = frames[0].shape
    count, gap = len(frames), -cols % 4
    palette = b"".join(bytes([255 - i, 255 - i, 255 - i, 0]) for i in range(256))
    bitmap = struct.pack("<3i2H6I", 40, cols, rows, 1, 8, 0, (cols + gap) * rows, 0, 0, 256, 0)
    main = struct.pack("<14I", 66667, 0, 0, 0x10, count, 0, 1, 0, cols, rows, 0, 0, 0, 0)
    stream = struct.pack("<8s11I", b"vidsDIB ", 0, 0, 0, 1, 15, 0, count, 0, 0, 0, 0)
    of_stream = chunk(b"LIST", b"strl", chunk(b"strh", stream), chunk(b"strf", bitmap, palette))
    header = chunk(b"LIST", b"hdrl", chunk(b"avih", main), of_stream)
    lines = [np.pad(frame[::-1], [(0, 0), (0, gap)]).tobytes() for frame in frames]
    movie = chunk(b"LIST", b"movi", *(chunk(b"00db", each) for each in lines))
    return chunk(b"RIFF", b"AVI ", header, movie)


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "tolerance"),
    [
        ("a.avi", "mjpeg", "yuvj420p", 2),
        ("b.avi", "mjpeg", "yuvj422p", 2),
        ("c.mov", "mjpeg", "yuvj444p", 2),
        ("d.mkv", "ffv1", "gray", 0),
        ("e.avi", "rawvideo", "gray", 0),
        ("g.avi", "rawvideo", "bgr24", 0),
        ("h.mkv", "ffv1", "yuv420p10le", 0),
        ("l.avi", "utvideo", "gbrp", 0),
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
        ("g.avi", "rawvideo", "yuyv422"),
        ("h.avi", "rawvideo", "bgr24"),
        ("i.mkv", "ffv1", "yuv422p10le"),
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
    with av.open(str(path)) as container:
        whole = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(square.astype(int) - whole[33:64, 50:81]).max() <= 5
    assert np.abs(square.astype(int) - whole[33:64, 50:81]).mean() <= 2
    if pixels.startswith("bgr"):
        assert np.abs(frame.luma - whole @ [0.299, 0.587, 0.114]).max() <= 0.51


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "tolerance"),
    [
        ("a.avi", "mpeg4", "yuv420p", 3),
        ("b.mov", "libx264", "yuv420p", 4),
        ("c.avi", "rawvideo", "yuyv422", 0),
        ("d.mov", "rawvideo", "uyvy422", 0),
        ("e.avi", "rawvideo", "yuv420p", 0),
        ("f.avi", "ffv1", "yuva420p", 0),
    ],
)
def test_luma_is_what_was_coded_also_where_the_file_does_not_tell_its_range(
    encode, frames, name, codec, pixels, tolerance
):
    sized = [frame[:96, :130] if codec == "libx264" else frame for frame in frames]
    with open_video(encode(name, sized, codec, pixels)) as video:
        for wanted, frame in zip(sized, video.frames(), strict=True):
            assert np.abs(frame.luma.astype(int) - wanted).max() <= tolerance


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "bits"),
    [
        ("a.mkv", "ffv1", "gray16le", 12),
        ("b.mov", "rawvideo", "gray16be", 12),
        ("c.mkv", "ffv1", "gray16le", 16),
        ("d.mkv", "ffv1", "gray12le", 12),
        ("e.mkv", "ffv1", "gray10le", 10),
    ],
)
def test_of_a_deep_grey_the_upper_eight_bits_that_the_camera_uses_are_kept(
    encode, frames, name, codec, pixels, bits
):
    # The lower bits are full, so that rounding would show.
    deep = [(frame.astype(np.uint16) + 70 << bits - 8) - 1 for frame in frames]
    with open_video(encode(name, deep, codec, pixels)) as video:
        for wanted, frame in zip(deep, video.frames(), strict=True):
            np.testing.assert_array_equal(frame.luma, wanted >> bits - 8)
            square = frame.cut_rgb(60.0, 50.0, size_px=21)
            np.testing.assert_array_equal(square[:, :, 1], frame.luma[40:61, 50:71])


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [("a.mkv", "ffv1", "gbrp16le"), ("b.mov", "rawvideo", "rgb48be")],
)
def test_deep_colours_of_a_12_bit_camera_keep_their_upper_eight_bits(encode, name, codec, pixels):
    col, row = np.meshgrid(np.arange(130), np.arange(96))
    colours = np.stack([60 + col, 255 - col, 40 + row], axis=2).astype(np.uint16)
    path = encode(name, [colours << 4] * 2, codec, pixels)
    with open_video(path) as video:
        frame = next(video.frames())
    square = frame.cut_rgb(65.0, 48.0, size_px=31)
    np.testing.assert_array_equal(square, colours[33:64, 50:81])
    wanted = colours @ [0.299, 0.587, 0.114]
    assert np.abs(frame.luma - wanted).max() <= 0.51


def test_a_bottom_up_avi_with_a_palette_gives_the_colours_of_the_palette(tmp_path, frames):
    (tmp_path / "a.avi").write_bytes(avi_with_inverted_palette(frames))
    with open_video(tmp_path / "a.avi") as video:
        for wanted, frame in zip(frames, video.frames(), strict=True):
            np.testing.assert_array_equal(frame.luma, 255 - wanted)


def test_frames_carry_their_own_time_stamps_whatever_the_rate_in_the_header(encode, frames):
    pts = [5000, 5040, 5100, 5110, 5250, 5251, 5400, 5900]
    with open_video(encode("a.mkv", frames, "ffv1", "gray", pts=pts)) as video:
        read = list(video.frames())
    assert [frame.time_s for frame in read] == pytest.approx([p / 1000 for p in pts])
    assert [frame.index for frame in read] == list(range(8))


def test_in_an_avi_whose_frames_are_coded_out_of_order_time_goes_by_the_rate(encode, frames):
    even = [frame[:96, :130] for frame in frames]
    path = encode("a.avi", even, "libx264", "yuv420p", options={"bf": "3"})
    with av.open(str(path)) as container:
        stamps = [frame.pts for frame in container.decode(video=0)]
    assert stamps != sorted(stamps)
    with open_video(path) as video:
        times_s = [frame.time_s for frame in video.frames()]
    assert times_s == pytest.approx(np.arange(8) / 15)


def test_a_frame_of_another_size_is_an_error(encode, frames):
    path = encode("a.mjpeg", frames, "mjpeg", "yuvj420p")
    small = encode("b.mjpeg", [frame[:64, :64] for frame in frames], "mjpeg", "yuvj420p")
    path.write_bytes(path.read_bytes() + small.read_bytes())
    with open_video(path) as video:
        read = video.frames()
        for _ in range(8):
            next(read)
        with pytest.raises(VideoError, match=r"frame 8 is of 64x64 px; wanted 131x97"):
            next(read)


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


def test_a_title_in_another_encoding_does_not_hide_the_pictures(encode, frames):
    path = encode("v.avi", frames, "mjpeg", "yuvj420p")
    content = path.read_bytes()
    at = content.index(b"ISFT") + 8
    path.write_bytes(content[:at] + b"Gr\xfc\xdfe" + content[at + 5 :])
    with open_video(path) as video:
        assert sum(1 for _ in video.frames()) == len(frames)


def test_an_unknown_codec_is_named(encode, frames):
    path = encode("v.avi", frames, "mjpeg", "yuvj420p")
    path.write_bytes(path.read_bytes().replace(b"MJPG", b"QZQZ"))
    with pytest.raises(VideoError, match=r"v\.avi: not a readable video"), open_video(path):
        pass


def test_a_whole_frame_is_the_picture_that_was_written_of_any_sides(tmp_path):
    rows, cols = np.mgrid[:31, :46]
    picture = np.stack([4 * rows + 60, 3 * cols + 40, 200 - 2 * rows], axis=2).astype(np.uint8)
    path = tmp_path / "colours.avi"
    write_video(path, [picture], codec=CODECS["mjpeg"], frame_rate_hz=25.0)
    with open_video(path) as video:
        (frame,) = video.frames()
        found = frame.rgb()
    assert found.shape == picture.shape
    assert np.abs(found.astype(int) - picture).mean() < 3
    assert np.array_equal(found[5:12, 9:16], frame.cut_rgb(12.0, 8.0, size_px=7))
