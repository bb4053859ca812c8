"""What annotation files say of a picture, and what is wrong with it, whatever their format."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Final, Literal

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from rostfine.morphology.contour import Patch
from rostfine.morphology.heads import Box

Kind = Literal[
    "unreadable",
    "unknown label",
    "outside",
    "zero area",
    "missing image",
    "duplicate",
    "shape",
    "size",
    "empty",
    "box",
    "part",
    "split",
]
ROUND_POINTS: Final = 128
"""Of the polygon that stands for a circle or an ellipse: its area is 0.04 % too small."""
IMAGE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")
IMAGE_FOLDERS: Final = ("images", "JPEGImages")
"""Where pictures stand beside annotations that have a folder of their own."""


@dataclass(frozen=True)
class Fault:
    """What is wrong: where, of what kind, and a line for people.

    What `stops` leaves its picture out, or ends the run; the rest is a notice.
    """

    where: str
    kind: Kind
    line: str
    stops: bool = True

    @property
    def text(self) -> str:
        """Return the whole of it in a line."""
        return f"{self.where}: {self.line}"


class BadShapeError(Exception):
    """A shape that cannot be used; it never leaves this room."""

    def __init__(self, kind: Kind, line: str) -> None:
        super().__init__(line)
        self.kind: Kind = kind


@dataclass(frozen=True)
class Drawn:
    """A shape as drawn: polygons of (x, y) in px, or a patch; a box is the ellipse within it."""

    where: str  # in its file
    label: str
    group: str  # "" for none
    polygons_px: tuple[Float64[ndarray, "point xy"], ...] = ()
    patch: Patch | None = None
    outlined: bool = True


@dataclass(frozen=True)
class Page:
    """A picture as an annotation file has it; of a file of many pictures, one of them."""

    source: Path
    where: str
    named: Path  # what its id is made of
    path: Path | None  # of its image, or of the annotation that holds it
    wanted: str  # the image that the annotation names
    size_px: tuple[int, int] | None  # width and height, where the annotation says so
    drawn: tuple[Drawn, ...]
    faults: tuple[Fault, ...]


def ellipse_in(box_px: Box) -> Float64[ndarray, "point xy"]:
    """Return the ellipse within a box as a polygon; it touches all four sides.

    Raises BadShapeError for a box without an area.
    """
    left, top, right, bottom = box_px
    if not (right > left and bottom > top):
        got = ", ".join(f"{value:g}" for value in box_px)
        raise BadShapeError(
            "zero area", f"wanted right > left and bottom > top, got left, top, right, bottom {got}"
        )
    angle = np.arange(ROUND_POINTS) * (2 * math.pi / ROUND_POINTS)
    x_px = (left + right) / 2 + (right - left) / 2 * np.cos(angle)
    y_px = (top + bottom) / 2 + (bottom - top) / 2 * np.sin(angle)
    return np.column_stack([x_px, y_px])


def bare(path: PurePath) -> str:
    """Return a path without its suffix; one without a name, such as `.`, has none."""
    return (path.with_suffix("") if path.name else path).as_posix()


def find_image(source: Path, said: str, *, or_stem: bool) -> Path | None:
    """Return the image that the annotation `source` calls `said`, or None.

    It is sought where `said` points to, beside the annotation and in the folder above; with
    `or_stem` one that is named as the annotation will do.
    """
    return next((path for path in _places(source, said, or_stem) if _is_file(path)), None)


def _places(source: Path, said: str, or_stem: bool) -> Iterator[Path]:
    here, name = source.parent, PurePosixPath(said.replace("\\", "/"))
    yield here / name
    yield here / name.name
    if or_stem:
        named = {path.suffix.lower(): path for path in here.iterdir() if path.stem == source.stem}
        yield from (named[suffix] for suffix in IMAGE_SUFFIXES if suffix in named)
    yield here.parent / name
    yield here.parent / name.name
    for folder in IMAGE_FOLDERS:
        yield here / folder / name.name
        yield here.parent / folder / name.name


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for one
        return False
