"""Lines, boxes and words on a picture, to a fraction of a pixel, in the reports' typeface."""

from typing import Any, Final

import numpy as np
from jaxtyping import Float, Float32, UInt8
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgb
from matplotlib.path import Path as Outline
from matplotlib.transforms import Affine2D

from rostfine.clips.pictures.lettering import MARGIN_PX, POINTS_AS_PIXELS, SPACE, set_word

DARK: Final = "#14181b"
"""Around what is painted: it stays readable on bright and on dark ground."""
DASHES_PX: Final = (4.0, 3.0)

Place = tuple[float, float] | Float[np.ndarray, "2"]
"""x and y in pixels from the top left; pixel (0, 0) has its middle at (0, 0)."""


class Painter:
    """A picture to paint on.

    `picture` is what has been painted so far; writing to it lays a new ground.
    """

    def __init__(self, *, height_px: int, width_px: int) -> None:
        renderer: Any = RendererAgg
        self._agg = renderer(width_px, height_px, POINTS_AS_PIXELS)
        with_opacity = np.asarray(self._agg.buffer_rgba())
        with_opacity[..., 3] = 255
        self.picture: UInt8[np.ndarray, "row col 3"] = with_opacity[..., :3]
        # Lines count from the lower left corner of the picture.
        self._place = Affine2D().translate(0.5, 0.5).scale(1, -1).translate(0, height_px)

    def line(
        self,
        points: Float[np.ndarray, "point 2"],
        colour: str,
        *,
        width_px: float = 2.0,
        is_dashed: bool = False,
    ) -> None:
        """Join `points` by a line on a dark one a little wider; it is broken where they are NaN."""
        outline = Outline(points)
        for stroke, wide_px in ((DARK, width_px + 1.5), (colour, width_px)):
            gc = self._agg.new_gc()
            gc.set_foreground(stroke)
            gc.set_linewidth(wide_px)
            gc.set_joinstyle("round")
            if is_dashed:
                gc.set_dashes(0, DASHES_PX)
            self._agg.draw_path(gc, outline, self._place)

    def box(self, middle: Place, side_px: float, colour: str, *, is_dashed: bool) -> None:
        """Outline a square around `middle`."""
        corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * side_px / 2
        self.line(np.asarray(middle) + corners, colour, is_dashed=is_dashed)

    def cross(self, middle: Place, side_px: float, colour: str) -> None:
        """Cross `middle` out."""
        for way in (1, -1):
            ends = np.array([(-1, -way), (1, way)]) * side_px / 2
            self.line(np.asarray(middle) + ends, colour, width_px=2.5)

    def write(
        self,
        text: str,
        left_px: float,
        base_px: float,
        *,
        size_px: float,
        colour: str,
        has_edge: bool = False,
    ) -> None:
        """Write `text` from `left_px` on, standing on the line `base_px`; an edge is dark."""
        for text_of_word in text.split(" "):
            if text_of_word:
                word = set_word(text_of_word, size_px)
                # Letters begin at whole pixels: they would be blurred elsewhere.
                at = (round(left_px) - MARGIN_PX, round(base_px) - word.base)
                if has_edge:
                    self._cover(word.with_edge, at, DARK)
                self._cover(word.ink, at, colour)
                left_px += word.width_px
            left_px += SPACE * size_px

    def _cover(self, share: Float32[np.ndarray, "row col"], at: tuple[int, int], hue: str) -> None:
        """Lay a colour over the picture from `at` on, as far as it reaches."""
        left, top = at
        right, bottom = left + share.shape[1], top + share.shape[0]
        below = self.picture[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        share = share[max(-top, 0) :, max(-left, 0) :][: below.shape[0], : below.shape[1], None]
        over = np.float32(255) * np.array(to_rgb(hue), np.float32)
        below[:] = np.rint(below * (1 - share) + over * share)
