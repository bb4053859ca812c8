"""What is known of the heads in a picture, whoever says so: an annotator, a model, a simulation."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray
from pycocotools import mask as coco

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in px."""
Rle = dict[str, Any]
"""A mask as COCO writes it: `size` (rows, columns) and `counts`, run lengths as bytes."""

TRAIN: Final = "train"
VALIDATION: Final = "validation"
TEST: Final = "test"
SPLITS: Final = (TRAIN, VALIDATION, TEST)


@dataclass(frozen=True)
class Instance:
    """A head, or a part of one, in a picture: its class, its box, and its mask.

    Where only a box is known (`outlined` is False), the mask is the ellipse within it. `group` ties
    a head to its parts. `score` is that of the model that found it; 1 if a person drew it.
    """

    class_name: str
    box_px: Box
    mask: Rle
    outlined: bool = True
    group: str = ""
    score: float = 1.0

    @property
    def area_px(self) -> float:
        """Return how many pixels its mask covers."""
        return float(coco.area(self.mask))


@dataclass(frozen=True)
class Picture:
    """A picture and its instances; `source` is the file that says so.

    `path` is of an image file, or of an annotation that holds its image.
    """

    picture_id: str
    path: Path
    source: Path
    height_px: int
    width_px: int
    instances: tuple[Instance, ...]
    split: str = TRAIN


def encode(mask: Bool[ndarray, "row col"]) -> Rle:
    """Encode a mask."""
    rle: Rle = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return rle


def decode(mask: Rle) -> Bool[ndarray, "row col"]:
    """Decode a mask."""
    with warnings.catch_warnings():
        # It copies by a protocol that NumPy has deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        pixels: Bool[ndarray, "row col"] = coco.decode(mask).astype(bool)
    return pixels


def encode_at(
    part: Bool[ndarray, "part_row part_col"], left_px: int, top_px: int, size: tuple[int, int]
) -> Rle:
    """Encode a mask of `size` (rows, columns) that is empty outside a part of it.

    No array of the whole size is made: run lengths go down the columns, so that what lies left of
    the part is one run.
    """
    rows, cols = size
    strip = np.zeros((rows, part.shape[1]), dtype=bool, order="F")
    strip[top_px : top_px + part.shape[0]] = part
    flat = np.concatenate([[False], strip.ravel(order="F"), [False]])
    # Where it turns from outside to inside and back, counted from the strip's first pixel.
    turns = np.flatnonzero(flat[1:] != flat[:-1]) + left_px * rows
    runs = np.diff(turns, prepend=0, append=rows * cols).tolist()
    if not runs[-1]:
        runs.pop()
    rle: Rle = coco.frPyObjects({"counts": runs, "size": [rows, cols]}, rows, cols)
    return rle


def rasterise(
    polygons_px: tuple[Float64[ndarray, "point xy"], ...], height_px: int, width_px: int
) -> Rle:
    """Return the mask of all that polygons of (x, y) enclose, together."""
    flat = [polygon.ravel().tolist() for polygon in polygons_px]
    rle: Rle = coco.merge(coco.frPyObjects(flat, height_px, width_px))
    return rle
