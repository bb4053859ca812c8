"""One door to every video: frames in order, luma only, with true time stamps.

Microscopy is grey: what follows a sperm needs the luma plane, which most codecs hand over as it is.
Colour is computed in the crop only.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from jaxtyping import UInt8

from rostfine.errors import VideoError
from rostfine.video.colour import Yuv, cut_yuv
from rostfine.video.crop import cut_square

GAIN_BY_THREADS = ("h264", "hevc", "vp9", "libdav1d")
"""Decoders that are faster on several threads; the others only lose by it."""
CONVERTS_ON = 1
"""Threads of a conversion; on several, FFmpeg spoils pixels between their parts at odd widths."""
PLANAR_YUV = ("yuv4", "yuvj4")
"""How the names of formats begin whose first plane is the luma, one byte for each pixel."""


@dataclass(frozen=True)
class VideoInfo:
    """What the header says; its frame count may be missing or wrong."""

    path: Path
    width_px: int
    height_px: int
    frame_rate_hz: float
    frame_count: int | None


class Frame:
    """One picture of a video, counted from 0, at its own time stamp.

    `luma` is a read-only view of the decoder's memory.
    """

    def __init__(self, picture: Any, *, index: int, time_s: float) -> None:
        self.index, self.time_s, self._picture = index, time_s, picture
        self.luma = _luma(picture)

    def cut_rgb(
        self, x_px: float, y_px: float, *, size_px: int
    ) -> UInt8[np.ndarray, "row col chan"]:
        """Cut a square around (`x_px`, `y_px`); grey is repeated in the three channels."""
        layout = self._picture.format.name
        if layout.startswith("gray"):
            grey = cut_square(self.luma, x_px, y_px, cells=size_px)
            return np.repeat(grey[:, :, None], 3, axis=2)
        if _is_planar_yuv(self._picture):
            return cut_yuv(self._yuv(), x_px, y_px, size_px=size_px)
        whole = self._picture.to_ndarray(format="rgb24", threads=CONVERTS_ON)
        return cut_square(whole, x_px, y_px, cells=size_px)

    def _yuv(self) -> Yuv:
        picture = self._picture
        return Yuv(
            y=self.luma,
            u=_plane(picture, 1),
            v=_plane(picture, 2),
            is_full_range=picture.format.name.startswith("yuvj")
            or int(picture.color_range) == _FULL_RANGE,
            is_bt709=int(picture.colorspace) == _BT709,
        )


_FULL_RANGE = 2
_BT709 = 1


class Video:
    """An open video. Reading it costs the frames that are asked for, from the first on."""

    def __init__(self, container: Any, path: Path) -> None:
        self._container, self._stream = container, container.streams.video[0]
        context = self._stream.codec_context
        if context.name in GAIN_BY_THREADS:
            self._stream.thread_type = "AUTO"
        # A damaged frame is to be an error, not a picture with the damage painted over.
        context.options = {"err_detect": "explode"}
        self.info = VideoInfo(
            path=path,
            width_px=context.width,
            height_px=context.height,
            frame_rate_hz=_frame_rate(self._stream, path),
            frame_count=self._stream.frames or None,
        )

    def frames(self) -> Iterator[Frame]:
        """Decode frame after frame until the caller stops or the video ends; once per video.

        Raises VideoError at a frame that cannot be decoded.
        """
        index = 0
        try:
            for picture in self._container.decode(self._stream):
                if picture.is_corrupt:
                    raise VideoError(f"{self.info.path}: frame {index} is damaged")
                at_s = index / self.info.frame_rate_hz if picture.time is None else picture.time
                yield Frame(picture, index=index, time_s=float(at_s))
                index += 1
        except av.FFmpegError as error:
            raise VideoError(
                f"{self.info.path}: frame {index} cannot be decoded: {error.strerror}"
            ) from error


@contextmanager
def open_video(path: Path) -> Iterator[Video]:
    """Open a video of any codec.

    Raises VideoError naming the file if it is missing, no video, or without a frame rate.
    """
    if not path.is_file():
        raise VideoError(f"{path}: no such file; wanted a video")
    try:
        container = av.open(str(path))
    except av.FFmpegError as error:
        raise VideoError(f"{path}: not a readable video: {error.strerror}") from error
    with container:
        if not container.streams.video:
            raise VideoError(f"{path}: holds no video")
        if not container.streams.video[0].codec_context.width:
            raise VideoError(f"{path}: not a readable video: its header is incomplete")
        yield Video(container, path)


def _frame_rate(stream: Any, path: Path) -> float:
    rate = stream.average_rate or stream.guessed_rate
    if not rate or not math.isfinite(rate) or rate <= 0:
        raise VideoError(f"{path}: no frame rate in its header")
    return float(rate)


def _is_planar_yuv(picture: Any) -> bool:
    layout = picture.format
    return bool(layout.name.startswith(PLANAR_YUV) and layout.components[0].bits == 8)


def _luma(picture: Any) -> UInt8[np.ndarray, "row col"]:
    if picture.format.name == "gray" or _is_planar_yuv(picture):
        return _plane(picture, 0)
    # Every other format is converted; deep greys keep their upper eight bits.
    grey: UInt8[np.ndarray, "row col"] = picture.to_ndarray(format="gray", threads=CONVERTS_ON)
    return grey


def _plane(picture: Any, which: int) -> UInt8[np.ndarray, "row col"]:
    plane = picture.planes[which]
    # The decoder pads its lines.
    lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    view = lines[: plane.height, : plane.width]
    view.flags.writeable = False
    return view
