"""The sperm of a field as they were followed, over a frame, in the colour of their class."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from jaxtyping import Float64, UInt8
from numpy import ndarray

from rostfine.clips.pictures.lettering import width_of
from rostfine.clips.pictures.paint import Painter
from rostfine.tracking.field import FieldCount
from rostfine.tracking.shares import CountedTrack, Motility

COLOURS: Final[Mapping[Motility, str]] = {
    "progressive": "#4fe3b8",
    "non_progressive": "#ffb52e",
    "immotile": "#ffb3dd",
}
"""Of Okabe and Ito (2008), which the colour-blind tell apart, brightened for grey ground."""
WIDTH_PX: Final = 1280
"""About so wide is the picture, where the video itself is not wider: words need room."""
RING_HEADS: Final = 1.6
"""Diameter of the ring around a head that stands: its track is a dot."""
RING_POINTS: Final = 24


def draw_field(
    count: FieldCount, luma: UInt8[ndarray, "row col"], *, window: int
) -> UInt8[ndarray, "large_row large_col 3"]:
    """Draw the tracks of one window over one of its frames; a ring is where each was seen last.

    Shares below are those of the whole video.
    """
    zoom = max(1, round(WIDTH_PX / luma.shape[1]))
    rows, cols = luma.shape[0] * zoom, luma.shape[1] * zoom
    painter = Painter(height_px=rows, width_px=cols)
    painter.picture[:] = luma.repeat(zoom, axis=0).repeat(zoom, axis=1)[:, :, None]
    for track in count.tracks:
        if track.window == window:
            _draw_track(painter, track, zoom, RING_HEADS / 2 * count.head_px * zoom)
    _tell_shares(painter, count, size_px=max(15.0, cols / 70))
    return painter.picture.copy()


def _draw_track(painter: Painter, track: CountedTrack, zoom: int, radius_px: float) -> None:
    # A pixel's middle stays its middle.
    way = track.place_px * zoom + (zoom - 1) / 2
    colour = COLOURS[track.motility]
    painter.line(way, colour, width_px=1.4)
    painter.line(way[-1] + radius_px * _ring(), colour, width_px=1.4)


def _ring() -> Float64[ndarray, "point 2"]:
    angle = np.linspace(0, 2 * np.pi, RING_POINTS + 1)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _tell_shares(painter: Painter, count: FieldCount, *, size_px: float) -> None:
    left, base = size_px, painter.picture.shape[0] - size_px
    for motility, share in count.shares.items():
        text = motility.replace("_", "-")
        if not np.isnan(share.percent):
            text += f" {share.percent:.0f} % ({share.low:.0f} to {share.high:.0f})"
        colour = COLOURS[motility]
        painter.write(text, left, base, size_px=size_px, colour=colour, has_edge=True)
        left += width_of(text, size_px) + 2 * size_px
