"""Pictures with what was found drawn into them, for people to look at."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float64, UInt8
from matplotlib.colors import to_rgb
from numpy import ndarray

from rostfine.clips.pictures.caption import Captions
from rostfine.clips.pictures.lettering import width_of
from rostfine.clips.pictures.paint import DARK, Painter
from rostfine.morphology.contour import Patch, cut_patch, trace
from rostfine.morphology.heads import Instance
from rostfine.morphology.measures import is_head
from rostfine.morphology.params import Role, Roles

Pixels = UInt8[ndarray, "row col 3"]

OF_ROLES: Final[Mapping[Role, str]] = {
    "good": "#009e73",
    "bad": "#d55e00",
    "head": "#56b4e9",
    "acrosome": "#f0e442",
    "vacuole": "#cc79a7",
}
OTHERS: Final = ("#e69f00", "#0072b2")
SPARE: Final = "#000000"
"""Those of Okabe and Ito (2008), which the colour-blind tell apart."""
SMALLEST_TEXT_PX: Final = 12.0
USUAL_TEXT_PX: Final = 18.0
PLATE: Final = 1.3
"""Height of what words stand on, of their size."""
LINE_SHARE: Final = 1 / 640
"""Of the longer side of a picture."""
LUMA: Final = (0.299, 0.587, 0.114)
MIDDLE_LIGHT: Final = 0.4


@dataclass(frozen=True)
class Look:
    """How pictures are annotated.

    Smaller ones are enlarged by a whole number to a longer side of at least `enlarge_to_px`: words
    need room. `opacity` is of the masks, from 0 to 1.
    """

    opacity: float = 0.5
    labels: bool = True
    boxes: bool = True
    enlarge_to_px: int = 640


USUAL: Final = Look()


def colours_of(classes: Roles) -> dict[str, str]:
    """Return a colour for each class: the first of a role has the role's, others what is left."""
    first = {role: name for name, role in reversed([*classes.items()])}
    chosen = {name: OF_ROLES[role] for role, name in first.items()}
    unused = [colour for role, colour in OF_ROLES.items() if role not in first]
    left = itertools.cycle([*OTHERS, *unused, SPARE])
    return {name: chosen.get(name) or next(left) for name in classes}


def annotate(
    image: Pixels,
    instances: Sequence[Instance],
    classes: Roles,
    *,
    look: Look = USUAL,
    track_ids: Sequence[int | None] | None = None,
) -> UInt8[ndarray, "large_row large_col 3"]:
    """Draw masks, boxes and captions into a copy of an image; heads only have the latter two."""
    zoom = max(1, math.ceil(look.enlarge_to_px / max(image.shape[:2])))
    drawn = _enlarge(image, zoom)
    colours = colours_of(classes)
    line_px = math.ceil(max(drawn.shape) * LINE_SHARE)
    # Parts last: their heads would hide them.
    for one in sorted(instances, key=lambda one: not is_head(one, classes)):
        _lay_mask(drawn, one, zoom, look.opacity, colour=colours[one.class_name], line_px=line_px)
    ids = track_ids if track_ids is not None else [None] * len(instances)
    heads = [pair for pair in zip(instances, ids, strict=True) if is_head(pair[0], classes)]
    for head, _ in heads if look.boxes else []:
        corners = _scaled(head, zoom).round().astype(int).tolist()
        cv2.rectangle(drawn, corners[:2], corners[2:], _rgb(colours[head.class_name]), line_px)
    if look.labels and heads:
        words = [(_words(*pair), colours[pair[0].class_name]) for pair in heads]
        return _write(drawn, words, np.stack([_scaled(head, zoom) for head, _ in heads]))
    return drawn


def _enlarge(image: Pixels, zoom: int) -> UInt8[ndarray, "large_row large_col 3"]:
    if zoom == 1:
        return np.ascontiguousarray(image.copy())
    size = (image.shape[1] * zoom, image.shape[0] * zoom)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC))


def _lay_mask(
    picture: Pixels, one: Instance, zoom: int, opacity: float, *, colour: str, line_px: int
) -> None:
    patch = cut_patch(one.mask)
    pixels = patch.pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)
    patch = Patch(pixels, patch.left_px * zoom, patch.top_px * zoom)
    below = picture[patch.window]
    mixed = below[pixels] * (1 - opacity) + opacity * np.array(_rgb(colour))
    below[pixels] = np.rint(mixed).astype(np.uint8)
    corner = (patch.left_px, patch.top_px)
    contours = [contour[:, None] for contour in trace(pixels)]
    cv2.drawContours(picture, contours, -1, _rgb(colour), line_px, offset=corner)


def _scaled(one: Instance, zoom: int) -> Float64[ndarray, "4"]:
    return np.array(one.box_px, np.float64) * zoom


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(round(255 * part) for part in to_rgb(colour))


def _words(head: Instance, track_id: int | None) -> str:
    number = "" if track_id is None else f"{track_id}: "
    return f"{number}{head.class_name} {head.score:.2f}"


def _write(
    drawn: Pixels, words: Sequence[tuple[str, str]], heads: Float64[ndarray, "head 4"]
) -> Pixels:
    """Return the picture with words on a plate of a colour beside each head, all within it."""
    high, wide = drawn.shape[:2]
    size = _text_size(max(high, wide))
    # Letters do not shrink quite as their size does.
    size *= min(1.0, 0.95 * wide / max(_plate(text, size)[0] for text, _ in words))
    plates = np.array([_plate(text, size) for text, _ in words])
    rects = Captions((wide, high), np.zeros(4)).place(
        [str(at) for at in range(len(words))], heads=heads, sizes_px=plates, trails=np.zeros((0, 2))
    )
    corners = np.clip(rects[:, :2], 0, np.maximum((wide, high) - plates, 0))
    painter = Painter(height_px=high, width_px=wide)
    for (_, colour), corner, plate in zip(words, corners, plates, strict=True):
        first, last = (end.round().astype(int).tolist() for end in (corner, corner + plate - 1))
        cv2.rectangle(drawn, first, last, _rgb(colour), cv2.FILLED)
    painter.picture[:] = drawn
    for (text, colour), (left, top) in zip(words, corners.tolist(), strict=True):
        ink, base = _ink_on(colour), top + (1 + PLATE) / 2 * size
        painter.write(text, left + PLATE / 4 * size, base, size_px=size, colour=ink)
    return painter.picture.copy()


def _text_size(longer_px: int) -> float:
    """Return a size that can be read, yet leaves a small picture to be seen."""
    return min(max(SMALLEST_TEXT_PX, longer_px / 40), max(USUAL_TEXT_PX, longer_px / 70))


def _plate(text: str, size_px: float) -> tuple[float, float]:
    return width_of(text, size_px) + PLATE / 2 * size_px, PLATE * size_px


def _ink_on(colour: str) -> str:
    light = np.dot(to_rgb(colour), LUMA)
    return DARK if light > MIDDLE_LIGHT else "#ffffff"
