"""One door to every video: frames in order, luma first, with true time stamps.

Microscopy is grey: what follows a sperm needs the luma plane, which most codecs hand over as it is.
Colour is computed in the crop only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8

from rostfine.errors import VideoError
from rostfine.video.colour import Picture
from rostfine.video.decoder import Decoder, open_decoder
from rostfine.video.stack import Stack, is_stack, open_stack

SUFFIXES: Final = frozenset(
    (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".tif", ".tiff", ".webm", ".wmv")
)
"""Of names that are taken for videos where a folder is looked through."""


@dataclass(frozen=True)
class VideoInfo:
    """What the header says; its frame count may be missing or wrong.

    Its rate may be wrong too, where the frames' own time stamps are right; in a TIFF stack that
    says nothing of time it is NaN.
    """

    path: Path
    width_px: int
    height_px: int
    frame_rate_hz: float
    frame_count: int | None


class Frame:
    """One picture of a video, counted from 0, at its own time stamp (NaN where there is none).

    `luma` is read-only, in most formats a view of the decoder's memory. Of more than eight bits
    for each value the upper eight are kept (see `Depth`).
    """

    def __init__(self, picture: Picture, *, index: int, time_s: float) -> None:
        self.index, self.time_s, self._picture = index, time_s, picture
        self.luma: UInt8[np.ndarray, "row col"] = picture.luma
        self.luma.flags.writeable = False

    def cut_rgb(
        self, x_px: float, y_px: float, *, size_px: int
    ) -> UInt8[np.ndarray, "row col chan"]:
        """Cut a square around (`x_px`, `y_px`); grey is repeated in the three channels."""
        return self._picture.cut_rgb(x_px, y_px, size_px=size_px)

    def rgb(self) -> UInt8[np.ndarray, "row col 3"]:
        """Return the whole picture in red, green and blue."""
        rows, cols = self.luma.shape
        side = max(rows, cols)
        middle = (side - 1) / 2
        return self.cut_rgb(middle, middle, size_px=side)[:rows, :cols]


class Video:
    """An open video. Reading it costs the frames that are asked for, from the first on."""

    def __init__(self, source: Decoder | Stack, path: Path) -> None:
        self._source = source
        self.info = VideoInfo(
            path=path,
            width_px=source.width_px,
            height_px=source.height_px,
            frame_rate_hz=source.frame_rate_hz,
            frame_count=source.frame_count,
        )

    def frames(self) -> Iterator[Frame]:
        """Read frame after frame until the caller stops or the video ends; once per video.

        Raises VideoError at a frame that cannot be decoded, or is of another size than the first.
        """
        size: tuple[int, ...] | None = None
        for index, (picture, time_s) in enumerate(self._source.pictures()):
            size = size or picture.luma.shape
            if picture.luma.shape != size:
                (rows, cols), (height, width) = picture.luma.shape, size
                raise VideoError(
                    f"{self.info.path}: frame {index} is of {cols}x{rows} px; "
                    f"wanted {width}x{height} as in the first"
                )
            yield Frame(picture, index=index, time_s=time_s)


@contextmanager
def open_video(path: Path) -> Iterator[Video]:
    """Open a video of any codec, or a TIFF stack.

    A rotation that a file only asks its player for is not applied.

    Raises VideoError naming the file if it is missing, no video, or without a frame rate.
    """
    if not path.is_file():
        raise VideoError(f"{path}: no such file; wanted a video")
    with open_stack(path) if is_stack(path) else open_decoder(path) as source:
        yield Video(source, path)
