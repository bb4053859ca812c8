"""FFmpeg's decoders behind PyAV: pictures in order, their luma a view of the decoder's memory."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

from rostfine.errors import VideoError
from rostfine.video.colour import Picture
from rostfine.video.planes import Planes

GAIN_BY_THREADS = ("h264", "hevc", "vp9", "libdav1d")
"""Decoders that are faster on several threads; the others only lose by it."""


class Decoder:
    """The video stream of an open file; what its header says may be wrong."""

    def __init__(self, container: Any, path: Path) -> None:
        self._container, self._stream, self._path = container, container.streams.video[0], path
        context = self._stream.codec_context
        if context.name in GAIN_BY_THREADS:
            self._stream.thread_type = "AUTO"
        # An AVI numbers frames as they are coded, which is no time where they are shown otherwise.
        self._has_stamps = not (container.format.name == "avi" and context.has_b_frames)
        # A damaged frame is to be an error, not a picture with the damage painted over.
        context.options = {"err_detect": "explode"}
        self.width_px, self.height_px = int(context.width), int(context.height)
        self.frame_rate_hz = _frame_rate(self._stream, path)
        self.frame_count: int | None = self._stream.frames or None

    def pictures(self) -> Iterator[tuple[Picture, float]]:
        """Decode one picture after the other; each comes with its time stamp in seconds.

        Raises VideoError at a frame that cannot be decoded.
        """
        index = 0
        planes = Planes()
        try:
            for decoded in self._container.decode(self._stream):
                if decoded.is_corrupt:
                    raise VideoError(f"{self._path}: frame {index} is damaged")
                time_s = decoded.time if self._has_stamps else None
                at_s = index / self.frame_rate_hz if time_s is None else float(time_s)
                yield planes.take(decoded), at_s
                index += 1
        except (av.FFmpegError, ValueError) as error:
            why = error.strerror if isinstance(error, av.FFmpegError) else error
            raise VideoError(f"{self._path}: frame {index} cannot be decoded: {why}") from error


@contextmanager
def open_decoder(path: Path) -> Iterator[Decoder]:
    """Open a video of any codec that FFmpeg knows.

    Raises VideoError naming the file if it is no video, or without a frame rate.
    """
    try:
        # A title in another encoding is no reason not to read the pictures.
        container = av.open(str(path), metadata_errors="replace")
    except av.FFmpegError as error:
        raise VideoError(f"{path}: not a readable video: {error.strerror}") from error
    with container:
        if not container.streams.video:
            raise VideoError(f"{path}: holds no video")
        context = container.streams.video[0].codec_context
        if context is None:
            raise VideoError(f"{path}: not a readable video: its codec is unknown")
        if not context.width:
            raise VideoError(f"{path}: not a readable video: its header is incomplete")
        yield Decoder(container, path)


def _frame_rate(stream: Any, path: Path) -> float:
    rate = stream.average_rate or stream.guessed_rate
    if not rate or not math.isfinite(rate) or rate <= 0:
        raise VideoError(f"{path}: no frame rate in its header")
    return float(rate)
