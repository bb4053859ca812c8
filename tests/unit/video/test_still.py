from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from rostfine.errors import InputError
from rostfine.video.still import read_still

RGB = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)


def written(pixels: np.ndarray, kind: str = "PNG", **how) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, kind, **how)
    return file.getvalue()


def test_a_colour_picture_comes_as_it_is_from_a_file_or_bytes(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(written(RGB))
    np.testing.assert_array_equal(read_still(path), RGB)
    np.testing.assert_array_equal(read_still(path.read_bytes()), RGB)


def test_a_picture_is_turned_as_its_exif_says():
    exif = Image.Exif()
    exif[0x0112] = 6  # its top is on the right
    turned = read_still(written(RGB, exif=exif))
    np.testing.assert_array_equal(turned, np.rot90(RGB, -1))


def test_opacity_is_dropped_and_a_palette_resolved():
    opacity = np.full((4, 6, 1), 9, np.uint8)
    np.testing.assert_array_equal(read_still(written(np.concatenate([RGB, opacity], 2))), RGB)
    file = BytesIO()
    Image.fromarray(RGB).quantize(24).save(file, "PNG", transparency=b"\0\x80")
    np.testing.assert_array_equal(read_still(file.getvalue()), RGB)


def test_grey_is_in_all_three_channels():
    grey = read_still(written(RGB[:, :, 0]))
    assert (grey == RGB[:, :, :1]).all()


def test_of_16_bits_the_upper_eight_in_use_are_kept_in_grey_and_colour():
    deep = RGB.astype(np.uint16) * 16
    deep[0, 0] = 4095  # a camera of 12 bits
    wanted = deep >> 4
    found, grey = cv2.imencode(".png", deep[:, :, 0])
    assert found
    np.testing.assert_array_equal(read_still(grey.tobytes())[:, :, 1], wanted[:, :, 0])
    for suffix in (".png", ".tif"):
        colour = cv2.imencode(suffix, np.ascontiguousarray(deep[:, :, ::-1]))[1].tobytes()
        np.testing.assert_array_equal(read_still(colour), wanted)


def test_what_is_no_picture_or_cut_off_is_told_by_its_name(tmp_path):
    whole = written(np.tile(RGB, (20, 20, 1)), "JPEG")
    noise = np.random.default_rng(0).integers(0, 1 << 16, (200, 200, 3), np.uint16)
    deep = cv2.imencode(".png", noise)[1].tobytes()
    path = tmp_path / "a.jpg"
    for content, why in (
        (b"no picture", "its format is not known"),
        (b"", "its format is not known"),
        (whole[: len(whole) // 2], "image file is truncated"),
        (deep[: len(deep) // 2], "image file is truncated"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            read_still(path)
        assert str(caught.value).startswith(f"{path}: not a readable picture: {why}")
    with pytest.raises(InputError, match=r"^it: not a readable picture: wanted whole numbers"):
        read_still(written(np.zeros((2, 2), np.float32), "TIFF"), name="it")
    with pytest.raises(InputError, match=r"nowhere.png: not a readable picture: No such file"):
        read_still(tmp_path / "nowhere.png")
