"""From the planes of a decoded picture to luma and colour."""

from typing import Any, Final

import numpy as np
from jaxtyping import UInt8, UInt16

from rostfine.video.colour import Grey, Picture, Rgb, Yuv
from rostfine.video.depth import Depth

CONVERTS_ON: Final = 1
"""Threads of a conversion; on several, FFmpeg spoils pixels between their parts at odd widths."""
PLANAR_YUV: Final = ("yuv4", "yuvj4", "yuva4")
"""How the names of formats begin whose first plane is the luma."""
PACKED_YUV: Final = {"yuyv422": (0, 1, 3), "uyvy422": (1, 0, 2), "yvyu422": (0, 3, 1)}
"""Where the first luma, U and V are among the four bytes of two neighbouring pixels."""

_FULL_RANGE: Final = 2
_BT709: Final = 1


class Planes:
    """Takes the pictures of one video, which share the depth of its words."""

    def __init__(self) -> None:
        self._depth: Depth | None = None

    def take(self, decoded: Any) -> Picture:
        """Return the luma as it was coded wherever a format holds it, else that of its RGB."""
        layout = decoded.format.name
        is_deep = decoded.format.components[0].bits > 8
        if layout.startswith(PLANAR_YUV):
            # The hot path: views of the decoder's memory.
            read = self._deep if is_deep else _plane
            return _yuv(decoded, *(read(decoded, which) for which in range(3)))
        if layout == "gray":
            return Grey(_plane(decoded, 0))
        if layout.startswith("gray") and not layout.startswith("grayf"):
            return Grey(self._deep(decoded, 0))
        if layout in PACKED_YUV:
            return _yuv(decoded, *_unpack(decoded, *PACKED_YUV[layout]))
        if layout == "bgr24" and decoded.planes[0].line_size > 0:  # else from the bottom line up
            return Rgb(_packed(decoded), is_blue_first=True)
        if decoded.format.is_rgb and is_deep:
            return Rgb(self._deep_rgb(decoded))
        return Rgb(decoded.to_ndarray(format="rgb24", threads=CONVERTS_ON))

    def _deep(self, decoded: Any, which: int) -> UInt8[np.ndarray, "row col"]:
        words = _deep_plane(decoded, which)
        return self._depth_of(decoded).to_eight_bits(words)

    def _deep_rgb(self, decoded: Any) -> UInt8[np.ndarray, "row col chan"]:
        words = decoded.to_ndarray(format="rgb48le", threads=CONVERTS_ON)
        return self._depth_of(decoded).to_eight_bits(words)

    def _depth_of(self, decoded: Any) -> Depth:
        if self._depth is None:
            self._depth = Depth(_known_bits(decoded.format))
        return self._depth


def _known_bits(layout: Any) -> int | None:
    """Return how many bits a format uses; words of 16 may come from a camera that has less."""
    bits = int(layout.components[0].bits)
    if layout.is_rgb:
        # Their conversion to words of 16 bits has stretched those of less.
        return None if bits == 16 else 16
    # In YUV, the neutral chroma is half of the full range.
    return None if bits == 16 and layout.name.startswith("gray") else bits


def _yuv(
    decoded: Any,
    luma: UInt8[np.ndarray, "row col"],
    u: UInt8[np.ndarray, "chroma_row chroma_col"],
    v: UInt8[np.ndarray, "chroma_row chroma_col"],
) -> Yuv:
    return Yuv(
        luma=luma,
        u=u,
        v=v,
        is_full_range=decoded.format.name.startswith("yuvj")
        or int(decoded.color_range) == _FULL_RANGE,
        is_bt709=int(decoded.colorspace) == _BT709,
    )


def _unpack(decoded: Any, at_y: int, at_u: int, at_v: int) -> list[UInt8[np.ndarray, "_ _"]]:
    plane = decoded.planes[0]
    lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: decoded.height]
    pairs = -(-decoded.width // 2)
    luma = np.ascontiguousarray(lines[:, at_y : 4 * pairs : 2][:, : decoded.width])
    return [luma, lines[:, at_u : 4 * pairs : 4], lines[:, at_v : 4 * pairs : 4]]


def _packed(decoded: Any) -> UInt8[np.ndarray, "row col 3"]:
    plane = decoded.planes[0]
    lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return lines[: decoded.height, : 3 * decoded.width].reshape(decoded.height, -1, 3)


def _plane(decoded: Any, which: int) -> UInt8[np.ndarray, "row col"]:
    plane = decoded.planes[which]
    # The decoder pads its lines.
    lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return lines[: plane.height, : plane.width]


def _deep_plane(decoded: Any, which: int) -> UInt16[np.ndarray, "row col"]:
    plane = decoded.planes[which]
    order = ">u2" if decoded.format.name.endswith("be") else "<u2"
    words = np.frombuffer(plane, order).reshape(-1, plane.line_size // 2)
    return words[: plane.height, : plane.width].astype(np.uint16, copy=False)
