from math import isnan

import cv2
import numpy as np
import pytest
from PIL import Image

from rostfine.errors import VideoError
from rostfine.video.reader import open_video


def write_stack(path, pages, *, description="", **how):
    """Write pages, one image each; `how` is what Pillow's writer takes."""
    first, *rest = [Image.fromarray(page) for page in pages]
    first.save(path, save_all=True, append_images=rest, description=description, **how)
    return path


def read(path):
    with open_video(path) as video:
        return video.info, list(video.frames())


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("suffix", [".tif", ".stk"])
def test_pages_of_grey_come_back_bit_for_bit_and_in_order(tmp_path, frames, compression, suffix):
    path = write_stack(tmp_path / f"a{suffix}", frames, compression=compression, format="TIFF")
    info, found = read(path)
    assert (info.width_px, info.height_px) == (131, 97)
    assert [frame.index for frame in found] == list(range(8))
    np.testing.assert_array_equal([frame.luma for frame in found], frames)
    square = found[3].cut_rgb(60.0, 50.0, size_px=21)
    np.testing.assert_array_equal(square[:, :, 2], frames[3][40:61, 50:71])


@pytest.mark.parametrize("order", ["<u2", ">u2"])
@pytest.mark.parametrize("bits", [12, 16])
def test_a_deep_page_keeps_the_upper_eight_bits_that_the_camera_uses(tmp_path, frames, order, bits):
    deep = [((frame.astype(order) + 1 << bits - 8) - 1).astype(order) for frame in frames]
    deep[0][0, 0] = (1 << bits) - 1
    _, found = read(write_stack(tmp_path / "a.tif", deep))
    for wanted, frame in zip(deep, found, strict=True):
        np.testing.assert_array_equal(frame.luma, wanted >> bits - 8)


@pytest.mark.parametrize(("kind", "shift"), [(np.uint8, 0), (np.uint16, 4), (np.uint16, 8)])
def test_a_page_of_colour_gives_its_colours_and_their_luma(tmp_path, kind, shift):
    col, row = np.meshgrid(np.arange(130), np.arange(96))
    colours = np.stack([60 + col, 255 - col, 40 + row], axis=2)
    pages = [((colours - i) << shift).astype(kind) for i in range(3)]
    cv2.imwritemulti(str(tmp_path / "a.tif"), [page[:, :, ::-1] for page in pages])
    _, found = read(tmp_path / "a.tif")
    assert len(found) == 3
    for i, frame in enumerate(found):
        square = frame.cut_rgb(65.0, 48.0, size_px=31)
        np.testing.assert_array_equal(square, colours[33:64, 50:81] - i)
        wanted = (colours - i) @ [0.299, 0.587, 0.114]
        assert np.abs(frame.luma - wanted).max() <= 0.51


@pytest.mark.parametrize(
    ("description", "rate_hz"),
    [
        ("ImageJ=1.54f\nimages=8\nfinterval=0.04\nfps=7\n", 25),
        ("ImageJ=1.54f\nfinterval=40\ntunit=ms\n", 25),
        ("ImageJ=1.54f\nfps=7.5\n", 7.5),
        ('<OME><Pixels TimeIncrement="40" TimeIncrementUnit="ms"/></OME>', 25),
    ],
)
def test_time_goes_by_the_interval_in_the_description_else_by_its_rate(
    tmp_path, frames, description, rate_hz
):
    info, found = read(write_stack(tmp_path / "a.tif", frames, description=description))
    assert info.frame_rate_hz == pytest.approx(rate_hz)
    assert [frame.time_s for frame in found] == pytest.approx(np.arange(8) / rate_hz)


@pytest.mark.parametrize(
    "description",
    ["", "a lab", "ImageJ=1.54f\nfps=0\nfinterval=x", "ImageJ=1\nfinterval=40\ntunit=?"],
)
def test_where_no_interval_is_said_the_rate_and_the_times_are_unknown(
    tmp_path, frames, description
):
    info, found = read(write_stack(tmp_path / "a.tif", frames, description=description))
    assert isnan(info.frame_rate_hz)
    assert all(isnan(frame.time_s) for frame in found)
    assert len(found) == 8


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_what_imagej_leaves_behind_the_only_page_of_a_large_stack_is_read(tmp_path, frames, kind):
    path = tmp_path / "a.tif"
    pages = [frame.astype(kind) << (4 if kind is np.uint16 else 0) for frame in frames]
    write_stack(path, pages[:1], description="ImageJ=1.54f\nimages=8\n")
    # Pillow writes the page last, which makes this the layout of ImageJ.
    path.write_bytes(path.read_bytes() + b"".join(page.tobytes() for page in pages[1:]))
    info, found = read(path)
    assert info.frame_count == 8
    np.testing.assert_array_equal([frame.luma for frame in found], frames)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(VideoError, match=r"a\.tif: page 7 cannot be read: the file is cut off"):
        read(path)


def test_a_compressed_page_of_a_stack_that_promises_more_is_refused(tmp_path, frames):
    said = "ImageJ=1.54f\nimages=8\n"
    path = write_stack(tmp_path / "a.tif", frames[:1], description=said, compression="tiff_lzw")
    with pytest.raises(VideoError, match=r"a\.tif: one page; wanted 8"):
        read(path)


def test_a_cut_off_stack_gives_its_good_pages_first_and_then_an_error(tmp_path, frames):
    path = write_stack(tmp_path / "a.tif", frames)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    found = []
    with open_video(path) as video, pytest.raises(VideoError, match=r"a\.tif: page \d cannot"):
        found.extend(video.frames())
    np.testing.assert_array_equal([f.luma for f in found], frames[: len(found)])
    assert 3 <= len(found) <= 5


@pytest.mark.parametrize(
    ("pages", "description", "words"),
    [
        ([np.zeros((8, 8), np.float32)], "", r"page 0 holds signed, 32-bit or fractional values"),
        ([np.zeros((8, 8), np.uint8)] * 2, "ImageJ=1\nchannels=2", "a stack of 2 channels"),
        ([np.zeros((8, 8), np.int32)], "", r"page 0 holds signed, 32-bit or fractional values"),
        ([np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8)], "", "frame 1 is of 9x8 px"),
    ],
)
def test_a_stack_that_is_no_film_of_8_or_16_bits_is_refused(tmp_path, pages, description, words):
    path = write_stack(tmp_path / "a.tif", pages, description=description)
    with pytest.raises(VideoError, match=rf"a\.tif: {words}"):
        read(path)


def test_a_damaged_header_is_named(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0" + bytes(20))
    with pytest.raises(VideoError, match=r"a\.tif: not a readable TIFF"):
        read(tmp_path / "a.tif")
