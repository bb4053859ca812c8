"""TIFF stacks: one page after the other, never the whole stack in memory."""

import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isfinite, nan
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import Shaped, UInt16
from PIL import Image

from rostfine.errors import VideoError
from rostfine.video.colour import Grey, Picture, Rgb
from rostfine.video.depth import Depth

BEGINS_WITH: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""The first bytes of a TIFF and a BigTIFF of either byte order."""
INTERVAL_UNITS_S: Final[Mapping[str, float]] = {
    "": 1.0, "s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3, "min": 60.0
}  # fmt: skip
"""What the interval between two pages may be counted in; without a unit, seconds."""
DEEP_GREY: Final = "I;16"
"""How the names of Pillow's modes begin that hold words of 16 bits."""

_DESCRIPTION, _BITS_PER_SAMPLE, _COMPRESSION, _OFFSETS = 270, 258, 259, 273
_UNCOMPRESSED = 1
_FAULTS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    struct.error,
    Image.DecompressionBombError,
)
"""What Pillow raises at a damaged TIFF."""


def is_stack(path: Path) -> bool:
    """Tell a TIFF by its first bytes: some microscopes give it a suffix of their own."""
    try:
        with path.open("rb") as file:
            return file.read(4) in BEGINS_WITH
    except OSError as error:
        raise VideoError(f"{path}: cannot be read: {error.strerror}") from error


class Stack:
    """An open TIFF; each page is a frame."""

    def __init__(self, image: Any, path: Path) -> None:
        self._image, self._path, self._depth = image, path, Depth()
        self.width_px, self.height_px = image.size
        said = _describe(image)
        self.frame_rate_hz = _frame_rate(said)
        # What the description says; to count the pages, all of them would have to be looked at.
        self.frame_count = _count(said, "images")
        channels = _count(said, "channels") or 1
        if channels > 1:
            raise VideoError(f"{path}: a stack of {channels} channels; wanted one, or pages of RGB")

    def pictures(self) -> Iterator[tuple[Picture, float]]:
        """Read one page after the other; its time is NaN where no interval is known.

        Raises VideoError at a page that cannot be read.
        """
        for index, picture in enumerate(self._pages()):
            yield picture, index / self.frame_rate_hz

    def _pages(self) -> Iterator[Picture]:
        index = 0
        try:
            while True:
                self._image.seek(index)
                yield self._page(index)
                index += 1
        except EOFError:
            wanted = self.frame_count or index
            if index == 1 < wanted:
                yield from self._behind_the_only_page()
            elif index < wanted:
                raise VideoError(
                    f"{self._path}: page {index} cannot be read: the file says that it has {wanted}"
                ) from None
        except _FAULTS as error:
            raise VideoError(f"{self._path}: page {index} cannot be read: {error}") from error

    def _page(self, index: int) -> Picture:
        image = self._image
        if image.mode.startswith(DEEP_GREY):
            return self._grey(np.asarray(image))
        if image.mode in {"L", "1"}:
            return self._grey(np.asarray(image.convert("L")))
        if image.mode in {"I", "F"}:
            raise VideoError(
                f"{self._path}: page {index} holds signed, 32-bit or fractional values; "
                "wanted whole numbers of 8 or 16 bits from 0 on"
            )
        if self._is_deep_colour:
            return Rgb(self._depth.to_eight_bits(_deep_rgb(self._path, index)))
        return Rgb(np.asarray(image.convert("RGB")))

    @property
    def _is_deep_colour(self) -> bool:
        bits: tuple[int, ...] = self._image.tag_v2.get(_BITS_PER_SAMPLE, (8,))
        return self._image.mode in {"RGB", "RGBA"} and bits[0] == 16

    def _grey(self, values: Shaped[np.ndarray, "row col"]) -> Grey:
        if values.dtype == np.uint8:
            return Grey(values)
        return Grey(self._depth.to_eight_bits(values.astype(np.uint16, copy=False)))

    def _behind_the_only_page(self) -> Iterator[Picture]:
        """Read what ImageJ leaves behind the one page that a stack over 4 GB has."""
        self._image.seek(0)
        tags, first = self._image.tag_v2, np.asarray(self._image)
        is_plain = tags.get(_COMPRESSION, _UNCOMPRESSED) == _UNCOMPRESSED
        is_simple = self._image.mode in {"L", "RGB"} or self._image.mode.startswith(DEEP_GREY)
        if not is_plain or not is_simple or self._is_deep_colour:
            raise VideoError(f"{self._path}: one page; wanted {self.frame_count} as it says itself")
        for index in range(1, self.frame_count or 1):
            at = tags[_OFFSETS][0] + index * first.nbytes
            values = np.fromfile(self._path, first.dtype, count=first.size, offset=at)
            if values.size < first.size:
                raise VideoError(f"{self._path}: page {index} cannot be read: the file is cut off")
            picture = values.reshape(first.shape)
            yield Rgb(picture) if picture.ndim == 3 else self._grey(picture)


@contextmanager
def open_stack(path: Path) -> Iterator[Stack]:
    """Open a TIFF.

    Raises VideoError naming the file if it cannot be read, or if its pages are not one channel.
    """
    try:
        image = Image.open(path, formats=["TIFF"])
    except _FAULTS as error:
        raise VideoError(f"{path}: not a readable TIFF: {error}") from error
    with image:
        yield Stack(image, path)


def _describe(image: Any) -> Mapping[str, str]:
    """Read the lines `key=value` of ImageJ's description, or what OME-XML says of time."""
    text = str(image.tag_v2.get(_DESCRIPTION, ""))
    if text.startswith("ImageJ="):
        lines = (line.partition("=") for line in text.splitlines())
        return {key.strip(): value.strip() for key, _, value in lines}
    ome = dict(re.findall(r'\b(TimeIncrement|TimeIncrementUnit)="([^"]*)"', text))
    return {
        "finterval": ome.get("TimeIncrement", ""),
        "tunit": ome.get("TimeIncrementUnit", ""),
    }


def _frame_rate(said: Mapping[str, str]) -> float:
    """Return the rate after the interval between two pages, else that of showing them, else NaN."""
    unit_s = INTERVAL_UNITS_S.get(said.get("tunit", ""), nan)
    interval_s = _number(said.get("finterval", "")) * unit_s
    if isfinite(interval_s) and interval_s > 0:
        return 1 / interval_s
    rate_hz = _number(said.get("fps", ""))
    return rate_hz if isfinite(rate_hz) and rate_hz > 0 else nan


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return nan


def _count(said: Mapping[str, str], key: str) -> int | None:
    text = said.get(key, "")
    return int(text) if text.isascii() and text.isdigit() else None


def _deep_rgb(path: Path, index: int) -> UInt16[np.ndarray, "row col chan"]:
    """Read a page by OpenCV: Pillow keeps only the upper half of deep colours."""
    found, pages = cv2.imreadmulti(str(path), index, 1, flags=cv2.IMREAD_UNCHANGED)
    if not found:
        raise ValueError("its colours cannot be decoded")
    # It comes as blue, green, red, and perhaps opacity.
    return np.ascontiguousarray(pages[0][:, :, 2::-1])
