"""Encode grey or colour frames as a video file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from jaxtyping import UInt8

from rostfine.video.colour import NEUTRAL_CHROMA
from rostfine.video.planes import CONVERTS_ON


@dataclass(frozen=True)
class Codec:
    """How one kind of file is made; luma is written as it is, and the chroma of grey says grey."""

    encoder: str
    suffix: str
    pixel_format: str
    full_range: bool  # luma 0..255; else a player takes 16..235 for black to white
    options: Mapping[str, str] = field(default_factory=dict)
    quantiser: int | None = None  # the encoder's own scale: lower is better and larger
    even_sides: bool = False


CODECS: Final[Mapping[str, Codec]] = {
    "mjpeg": Codec("mjpeg", ".avi", "yuvj420p", full_range=True, quantiser=2),
    "h264": Codec(
        "libx264",
        ".mp4",
        "yuv420p",
        full_range=True,
        options={"preset": "ultrafast", "crf": "23"},
        even_sides=True,
    ),
    "mpeg4": Codec("mpeg4", ".mp4", "yuv420p", full_range=False, quantiser=2),
}
"""What a video can be written as."""


def write_video(
    path: Path,
    frames: Iterable[UInt8[np.ndarray, "row col *chan"]],
    *,
    codec: Codec,
    frame_rate_hz: float,
) -> None:
    """Encode `frames`, all of one size, on one thread: the same frames give the same bytes.

    Colour is RGB (ITU-R BT.601). Where the codec needs even sides, an odd one gets its last line
    twice.
    """
    rate = Fraction(frame_rate_hz).limit_denominator(1001)
    with av.open(str(path), "w") as container:
        stream: Any = None
        for frame in frames:
            evened = _evened(frame) if codec.even_sides else frame
            if stream is None:
                stream = _add_stream(container, codec, rate, evened.shape[:2])
            draw = _picture if evened.ndim == 2 else _coloured
            container.mux(stream.encode(draw(evened, codec)))
        if stream is not None:
            container.mux(stream.encode(None))


def _evened(
    frame: UInt8[np.ndarray, "row col *chan"],
) -> UInt8[np.ndarray, "even_row even_col *chan"]:
    rows, cols = frame.shape[:2]
    if rows % 2 == cols % 2 == 0:
        return frame
    more = [(0, rows % 2), (0, cols % 2), (0, 0)]
    return np.pad(frame, more[: frame.ndim], mode="edge")


def _add_stream(container: Any, codec: Codec, rate: Fraction, size: tuple[int, ...]) -> Any:
    stream = container.add_stream(codec.encoder, rate=rate, options=dict(codec.options))
    stream.height, stream.width = size
    stream.pix_fmt = codec.pixel_format
    context = stream.codec_context
    # Several threads may cut a picture differently; the processes share the cores anyway.
    context.thread_count = 1
    if codec.full_range:
        context.color_range = ColorRange.JPEG
    if codec.quantiser is not None:
        context.qmin = context.qmax = codec.quantiser
        context.options = {"qmin": str(codec.quantiser), "qmax": str(codec.quantiser)}
    return stream


def _picture(luma: UInt8[np.ndarray, "row col"], codec: Codec) -> Any:
    height, width = luma.shape
    picture = av.VideoFrame(width, height, codec.pixel_format)
    for plane, values in zip(picture.planes, (luma, None, None), strict=True):
        # A plane's lines may be longer than the picture is wide.
        lines = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        lines[:, : plane.width] = NEUTRAL_CHROMA if values is None else values
    return picture


def _coloured(rgb: UInt8[np.ndarray, "row col 3"], codec: Codec) -> Any:
    return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
        format=codec.pixel_format,
        dst_colorspace=Colorspace.ITU601,
        dst_color_range=ColorRange.JPEG if codec.full_range else ColorRange.MPEG,
        threads=CONVERTS_ON,
    )
