"""Pictures as decoders hand them over: each knows its luma, and RGB in a square only."""

import functools
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from rostfine.video.crop import cut_square

NEUTRAL_CHROMA: Final = 128


@dataclass(frozen=True)
class Grey:
    """A picture without colour."""

    luma: UInt8[np.ndarray, "row col"]

    def cut_rgb(
        self, x_px: float, y_px: float, *, size_px: int
    ) -> UInt8[np.ndarray, "row col chan"]:
        """Cut a square around (`x_px`, `y_px`); grey is repeated in the three channels."""
        grey = cut_square(self.luma, x_px, y_px, cells=size_px)
        return np.repeat(grey[:, :, None], 3, axis=2)


class Rgb:
    """A picture of red, green and blue; its luma is theirs after ITU-R BT.601.

    Pictures that come as blue, green and red are only turned round in the square.
    """

    def __init__(
        self, whole: UInt8[np.ndarray, "row col chan"], *, is_blue_first: bool = False
    ) -> None:
        self._whole, self._is_blue_first = whole, is_blue_first
        to_grey = cv2.COLOR_BGR2GRAY if is_blue_first else cv2.COLOR_RGB2GRAY
        self.luma: UInt8[np.ndarray, "row col"] = cv2.cvtColor(whole, to_grey)

    def cut_rgb(
        self, x_px: float, y_px: float, *, size_px: int
    ) -> UInt8[np.ndarray, "row col chan"]:
        """Cut a square around (`x_px`, `y_px`)."""
        square = cut_square(self._whole, x_px, y_px, cells=size_px)
        return np.ascontiguousarray(square[:, :, ::-1]) if self._is_blue_first else square


@dataclass(frozen=True)
class Yuv:
    """The three planes of a picture; those of the chroma may be smaller than that of the luma."""

    luma: UInt8[np.ndarray, "row col"]
    u: UInt8[np.ndarray, "chroma_row chroma_col"]
    v: UInt8[np.ndarray, "chroma_row chroma_col"]
    is_full_range: bool  # else black is 16 and white 235
    is_bt709: bool  # else BT.601

    def cut_rgb(
        self, x_px: float, y_px: float, *, size_px: int
    ) -> UInt8[np.ndarray, "row col chan"]:
        """Cut a square around (`x_px`, `y_px`) and convert it (ITU-R BT.601 and BT.709)."""
        luma = cut_square(self.luma, x_px, y_px, cells=size_px)
        chroma = [
            _cut_chroma(plane, self.luma.shape, (x_px, y_px), size_px) for plane in (self.u, self.v)
        ]
        if self.is_full_range and all(plane is None for plane in chroma):
            return np.repeat(luma[:, :, None], 3, axis=2)
        neutral = np.full_like(luma, NEUTRAL_CHROMA)
        chroma = [neutral if plane is None else plane for plane in chroma]
        to_rgb = _to_rgb(is_full_range=self.is_full_range, is_bt709=self.is_bt709)
        rgb: UInt8[np.ndarray, "row col chan"] = cv2.transform(cv2.merge([luma, *chroma]), to_rgb)
        return rgb


@functools.cache
def _to_rgb(*, is_full_range: bool, is_bt709: bool) -> Float64[np.ndarray, "chan 4"]:
    """Return the matrix from Y, Cb, Cr and 1 to R, G and B."""
    of_red, of_blue = (0.2126, 0.0722) if is_bt709 else (0.299, 0.114)
    of_green = 1 - of_red - of_blue
    red, blue = 2 * (1 - of_red), 2 * (1 - of_blue)
    convert = np.array(
        [
            [1, 0, red],
            [1, -of_blue * blue / of_green, -of_red * red / of_green],
            [1, blue, 0],
        ]
    )
    if not is_full_range:
        convert *= (255 / 219, 255 / 224, 255 / 224)
    black = np.array([0 if is_full_range else 16, NEUTRAL_CHROMA, NEUTRAL_CHROMA])
    return np.column_stack([convert, -convert @ black])


Picture = Grey | Rgb | Yuv


def _cut_chroma(
    plane: UInt8[np.ndarray, "chroma_row chroma_col"],
    luma_shape: tuple[int, ...],
    middle_px: tuple[float, float],
    size_px: int,
) -> UInt8[np.ndarray, "row col"] | None:
    """Cut a square of a chroma plane; None where all of it is neutral, as in grey videos."""
    rows, cols = luma_shape
    # One chroma pixel may stand for two by two of luma, for two beside each other, or for one.
    across, down = -(-cols // plane.shape[1]), -(-rows // plane.shape[0])
    if across != down:
        plane = np.repeat(np.repeat(plane, down, axis=0), across, axis=1)
        across = down = 1
    x_px, y_px = ((at + 0.5) / across - 0.5 for at in middle_px)
    x_px = min(max(x_px, 0.0), plane.shape[1] - 1.0)
    y_px = min(max(y_px, 0.0), plane.shape[0] - 1.0)
    reach = size_px // 2 + 2
    top, left = max(0, int(y_px) - reach), max(0, int(x_px) - reach)
    if (plane[top : int(y_px) + reach, left : int(x_px) + reach] == NEUTRAL_CHROMA).all():
        return None
    return cut_square(plane, x_px, y_px, cells=size_px, cell_px=1 / across)
