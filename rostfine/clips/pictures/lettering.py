"""Words as they are painted, in the typeface of the reports' figures."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from jaxtyping import Float32
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from scipy.ndimage import grey_dilation

POINTS_AS_PIXELS: Final = 72
MARGIN_PX: Final = 2
SPACE: Final = 0.318
"""Width of a space, of the size of the typeface (DejaVu Sans)."""


@dataclass(frozen=True)
class Word:
    """How much each pixel is covered by a word, and by the word with an edge around it.

    The word starts `MARGIN_PX` from the left, and stands on the line `base`.
    """

    ink: Float32[np.ndarray, "row col"]
    with_edge: Float32[np.ndarray, "row col"]
    base: int
    width_px: int


@lru_cache(maxsize=8192)
def set_word(text: str, size_px: float) -> Word:
    """Set a word; most words of a video come again in its next frame."""
    renderer: Any = RendererAgg
    font = FontProperties(size=size_px)
    measure = renderer(1, 1, POINTS_AS_PIXELS).get_text_width_height_descent
    width, height, descent = (math.ceil(side) for side in measure(text, font, ismath=False))
    rows, base = height + 2 * MARGIN_PX, MARGIN_PX + height - descent
    agg = renderer(width + 2 * MARGIN_PX, rows, POINTS_AS_PIXELS)
    agg.draw_text(agg.new_gc(), MARGIN_PX, base, text, font, 0)
    # Black on nothing: the opacity is the ink.
    ink = np.asarray(agg.buffer_rgba())[..., 3].astype(np.float32) / 255
    return Word(ink, with_edge=grey_dilation(ink, size=(3, 3)), base=base, width_px=width)


def width_of(text: str, size_px: float) -> float:
    """Return how wide words are with the spaces between them, in pixels."""
    words = text.split(" ")
    widths = (set_word(word, size_px).width_px for word in words if word)
    return sum(widths) + (len(words) - 1) * SPACE * size_px
