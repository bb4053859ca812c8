from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange

Encode = Callable[..., Path]


@pytest.fixture
def encode(tmp_path: Path) -> Encode:
    """Write RGB or grey frames as a video of any codec; `pts` are in milliseconds.

    Grey becomes luma as it is, in full range; words of 16 bits must be laid out as `pixels` says.
    """

    def write(
        name: str,
        frames: Sequence[np.ndarray],
        codec: str,
        pixels: str,
        *,
        rate: int = 15,
        pts: Sequence[int] | None = None,
        options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate, options=options or {})
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = pixels
            stream.codec_context.qmin = stream.codec_context.qmax = 2
            is_full = pixels.startswith("yuvj") or frames[0].ndim == 2
            if is_full:
                stream.codec_context.color_range = ColorRange.JPEG
            if pts is not None:
                stream.codec_context.time_base = Fraction(1, 1000)
            for index, frame in enumerate(frames):
                eight = "gray" if frame.ndim == 2 else "rgb24"
                layout = eight if frame.dtype == np.uint8 else pixels
                picture = av.VideoFrame.from_ndarray(frame, format=layout)
                scale = ColorRange.JPEG if is_full else None
                picture = picture.reformat(format=pixels, dst_color_range=scale, threads=1)
                if pts is not None:
                    picture.pts, picture.time_base = pts[index], Fraction(1, 1000)
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
        return path

    return write


@pytest.fixture
def frames() -> list[np.ndarray]:
    """Eight smooth grey frames of 131 x 97 px, each brighter by 10 than the one before."""
    col, row = np.meshgrid(np.arange(131), np.arange(97))
    return [(40 + 10 * i + col / 3 + row / 4).astype(np.uint8) for i in range(8)]
