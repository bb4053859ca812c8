"""Pictures as decoders hand them over: each knows its luma, and RGB in a square only."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from rostfine.video.crop import cut_square


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
        y = cut_square(self.luma, x_px, y_px, cells=size_px).astype(np.float32)
        blue, red = (
            _cut_chroma(plane, self.luma.shape, (x_px, y_px), size_px) for plane in (self.u, self.v)
        )
        if not self.is_full_range:
            y, blue, red = (y - 16) * (255 / 219), blue * (255 / 224), red * (255 / 224)
        of_red, of_blue = (0.2126, 0.0722) if self.is_bt709 else (0.299, 0.114)
        r = y + 2 * (1 - of_red) * red
        b = y + 2 * (1 - of_blue) * blue
        g = (y - of_red * r - of_blue * b) / (1 - of_red - of_blue)
        rgb = np.stack([r, g, b], axis=2)
        return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


Picture = Grey | Rgb | Yuv


def _cut_chroma(
    plane: UInt8[np.ndarray, "chroma_row chroma_col"],
    luma_shape: tuple[int, ...],
    middle_px: tuple[float, float],
    size_px: int,
) -> Float32[np.ndarray, "row col"]:
    rows, cols = luma_shape
    # One chroma pixel may stand for two by two of luma, for two beside each other, or for one.
    across, down = -(-cols // plane.shape[1]), -(-rows // plane.shape[0])
    if across != down:
        plane = np.repeat(np.repeat(plane, down, axis=0), across, axis=1)
        across = down = 1
    x_px, y_px = ((at + 0.5) / across - 0.5 for at in middle_px)
    x_px = min(max(x_px, 0.0), plane.shape[1] - 1.0)
    y_px = min(max(y_px, 0.0), plane.shape[0] - 1.0)
    cut = cut_square(plane, x_px, y_px, cells=size_px, cell_px=1 / across)
    return cut.astype(np.float32) - 128
