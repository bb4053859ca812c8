"""Measures of a head: its size, its shape, and how much of it the acrosome and vacuoles take.

Of a normal head, the acrosome is 40 to 70 % (Menkveld et al., 2001), and vacuoles, at most two, are
less than 20 % (WHO laboratory manual for the examination of human semen, 6th edition, 2021).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool
from numpy import ndarray
from pycocotools import mask as coco

from rostfine.morphology.contour import (
    Contour,
    Patch,
    cut_patch,
    fill,
    fill_hull,
    is_cut,
    perimeter_of,
    trace,
)
from rostfine.morphology.heads import Instance, decode
from rostfine.morphology.params import HEADS, Roles

Shape = Bool[ndarray, "row col"]

PIXEL_VARIANCE: Final = 1 / 12
"""Along each axis, of a pixel that is a square and not a point."""
INSIDE: Final = 0.5
"""Of a part: as much, at least, lies in the head whose part it is."""


SIZES: Final = ("area_px", "length_px", "width_px", "perimeter_px", "hull_perimeter_px")
RATIOS: Final = (
    "width_to_length",
    "ellipticity",
    "elongation",
    "rugosity",
    "regularity",
    "roughness",
    "acrosome_share",
    "vacuole_share",
)
LENGTHS: Final = ("length", "width", "perimeter")
MEASURES: Final = (
    "area_px",
    *(f"{name}_px" for name in LENGTHS),
    "area_um2",
    *(f"{name}_um" for name in LENGTHS),
    *RATIOS,
    "vacuoles",
    "is_cut",
)


def is_head(instance: Instance, classes: Roles) -> bool:
    """Say whether an instance is a whole head, not a part of one."""
    return classes[instance.class_name] in HEADS


@dataclass(frozen=True)
class HeadMeasures:
    """Measures of the largest piece of a head's mask, without holes; NaN where there is none.

    Length and width are the axes of the ellipse that has its second moments: on drawn ellipses of
    20 to 60 px they are wrong by 0.1 px, the smallest rectangle around it by 0.7 px. The perimeter
    is corrected for corners (Vossepoel and Smeulders, 1982). Where `is_cut`, the head reaches
    beyond the picture, and all is too small. The share of a part that no class is for is NaN.
    """

    area_px: float
    length_px: float
    width_px: float
    perimeter_px: float
    hull_perimeter_px: float
    acrosome_share: float
    vacuole_share: float
    vacuoles: int | None
    is_cut: bool
    um_per_px: float | None

    @property
    def width_to_length(self) -> float:
        """Return W / L; about 3 / 5 of a normal head (WHO, 2021)."""
        return self.width_px / self.length_px

    @property
    def ellipticity(self) -> float:
        """Return L / W, from 1 for a circle (Boersma et al., 2001)."""
        return self.length_px / self.width_px

    @property
    def elongation(self) -> float:
        """Return (L - W) / (L + W), from 0 for a circle (Boersma et al., 2001)."""
        return (self.length_px - self.width_px) / (self.length_px + self.width_px)

    @property
    def rugosity(self) -> float:
        """Return 4 pi A / P^2, 1 for a circle and less for all else (Boersma et al., 2001)."""
        return 4 * math.pi * self.area_px / self.perimeter_px**2

    @property
    def regularity(self) -> float:
        """Return pi L W / 4 A, 1 for an ellipse (Boersma et al., 2001)."""
        return math.pi * self.length_px * self.width_px / (4 * self.area_px)

    @property
    def roughness(self) -> float:
        """Return the perimeter over that of the convex hull: 1 if convex, more the rougher."""
        return self.perimeter_px / self.hull_perimeter_px

    def named(self) -> dict[str, float | int | None]:
        """Return all by name; what is in um is None where the scale is not known."""
        um = self.um_per_px
        lengths_px = [getattr(self, f"{name}_px") for name in LENGTHS]
        values = (
            self.area_px,
            *lengths_px,
            None if um is None else self.area_px * um**2,
            *(None if um is None else length_px * um for length_px in lengths_px),
            *(getattr(self, name) for name in RATIOS),
            self.vacuoles,
            int(self.is_cut),
        )
        return dict(zip(MEASURES, values, strict=True))


def measure(
    head: Instance, among: Sequence[Instance], um_per_px: float | None, *, classes: Roles
) -> HeadMeasures:
    """Measure a head, and of the instances `among` which it lies those that are its parts.

    Where only a box is known, or the mask is empty, all is NaN.
    """
    patch = cut_patch(head.mask)
    contours = trace(patch.pixels) if head.outlined else []
    own = [one for one in among if not is_head(one, classes) and _is_of(one, head)]
    vacuoles = [one for one in own if classes[one.class_name] == "vacuole"]
    acrosomes = [one for one in own if classes[one.class_name] == "acrosome"]
    # There is one: where more are found, the largest is the likeliest.
    acrosome = sorted(acrosomes, key=lambda one: one.area_px)[-1:]
    shape = fill(contours[0], patch.pixels.shape) if contours else patch.pixels[:0]
    known = set(classes.values()) if contours else set()
    return HeadMeasures(
        **_measure_shape(shape, contours[0] if contours else None),
        acrosome_share=_share(acrosome, shape, patch) if "acrosome" in known else math.nan,
        vacuole_share=_share(vacuoles, shape, patch) if "vacuole" in known else math.nan,
        vacuoles=len(vacuoles) if "vacuole" in known else None,
        is_cut=is_cut(head.mask),
        um_per_px=um_per_px,
    )


def _is_of(part: Instance, head: Instance) -> bool:
    """Ask whoever tied them by a group; else a part is of the head in which most of it lies."""
    if part.group and head.group:
        return part.group == head.group
    # COCO's overlap with a crowd is the share of the first mask that lies in the second.
    return part.area_px > 0 and float(coco.iou([part.mask], [head.mask], [1])[0, 0]) > INSIDE


def _measure_shape(shape: Shape, contour: Contour | None) -> dict[str, float]:
    if contour is None:
        return dict.fromkeys(SIZES, math.nan)
    spread = np.cov(np.argwhere(shape), rowvar=False, bias=True) + np.eye(2) * PIXEL_VARIANCE
    width, length = 4 * np.sqrt(np.linalg.eigvalsh(spread))
    sizes = (shape.sum(), length, width, perimeter_of(contour), _hull_perimeter_of(contour))
    return dict(zip(SIZES, map(float, sizes), strict=True))


def _hull_perimeter_of(contour: Contour) -> float:
    return perimeter_of(trace(fill_hull(contour))[0])


def _share(parts: Sequence[Instance], shape: Shape, patch: Patch) -> float:
    """Return how much of a shape the parts take together."""
    taken = np.zeros_like(shape)
    for part in parts:
        taken |= decode(part.mask)[patch.window]
    return float((taken & shape).sum() / shape.sum())
