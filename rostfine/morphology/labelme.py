"""Annotations of labelme 4 to 6: a JSON file for each picture, which may hold the image itself."""

import base64
import binascii
import json
import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float64, UInt8
from numpy import ndarray

from rostfine.errors import InputError
from rostfine.morphology.contour import Patch
from rostfine.morphology.shapes import (
    BadShapeError,
    Drawn,
    Fault,
    Page,
    ellipse_in,
    find_image,
)
from rostfine.video.still import read_still

Polygon = Float64[ndarray, "point xy"]
UPRIGHT_PX: Final = 0.01
"""So far from the corners of its box a rectangle that is turned by nothing may be, by rounding."""


def is_labelme(content: Any) -> bool:
    """Tell labelme's JSON by its content."""
    return isinstance(content, Mapping) and isinstance(content.get("shapes"), list)


def read_labelme(source: Path, content: Mapping[str, Any], ignored: Collection[str]) -> Page:
    """Return what the JSON `content` of `source` says, without shapes of `ignored` labels."""
    drawn, faults = list[Drawn](), list[Fault]()
    for number, shape in enumerate(content["shapes"], start=1):
        label = shape.get("label") if isinstance(shape, Mapping) else None
        called = f"shape {number}" + (f" ({label})" if label else "")
        if isinstance(label, str) and label.strip() in ignored:
            continue
        try:
            drawn.append(_read_shape(shape, called))
        except BadShapeError as error:
            faults.append(Fault(str(source), error.kind, f"{called}: {error}"))
    said = content.get("imagePath")
    wanted = said if isinstance(said, str) else ""
    path = source if content.get("imageData") else find_image(source, wanted, or_stem=True)
    size_px = content.get("imageWidth"), content.get("imageHeight")
    is_said = all(isinstance(value, int) for value in size_px)
    return Page(
        source,
        str(source),
        source,
        path,
        wanted,
        (int(size_px[0] or 0), int(size_px[1] or 0)) if is_said else None,
        tuple(drawn),
        tuple(faults),
    )


def read_pixels(path: Path) -> UInt8[ndarray, "row col 3"]:
    """Read an image file, or the image that a labelme file holds.

    Raises InputError if it cannot be read.
    """
    if path.suffix.lower() != ".json":
        return read_still(path)
    try:
        held = base64.b64decode(json.loads(path.read_bytes())["imageData"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: wanted an image in imageData, got {error}") from error
    return read_still(held, name=f"{path}: imageData")


def _read_shape(shape: Any, called: str) -> Drawn:
    if not isinstance(shape, Mapping) or not isinstance(shape.get("label"), str):
        raise BadShapeError("unreadable", "wanted a label and points, got neither")
    kind = shape.get("shape_type") or "polygon"
    if not isinstance(kind, str) or kind not in _READ:
        wanted = ", ".join(_READ)
        raise BadShapeError("shape", f"wanted a shape with an area ({wanted}), got a {kind}")
    group = shape.get("group_id")
    tied = "" if group is None else str(group)
    return _READ[kind](shape, (called, shape["label"].strip(), tied))


_Named = tuple[str, str, str]
"""Where it is in its file, its label, its group."""


def _polygon(shape: Mapping[str, Any], named: _Named) -> Drawn:
    return Drawn(*named, (_points(shape),))


def _rectangle(shape: Mapping[str, Any], named: _Named) -> Drawn:
    points = _points(shape)
    if len(points) == 4 and not _is_upright(points):
        return Drawn(*named, (points,))
    if len(points) != 4:
        points = _two(points)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    ellipse = ellipse_in((float(left), float(top), float(right), float(bottom)))
    return Drawn(*named, (ellipse,), outlined=False)


def _is_upright(points: Polygon) -> bool:
    """Say whether each of four points is another corner of the box around them."""
    low, high = points.min(axis=0), points.max(axis=0)
    is_at_edge = np.minimum(points - low, high - points) < UPRIGHT_PX
    corners = np.unique(points - low > high - points, axis=0)
    return bool(is_at_edge.all()) and len(corners) == len(points)


def _turned(shape: Mapping[str, Any], named: _Named) -> Drawn:
    points = _points(shape)
    if len(points) != 4:
        raise BadShapeError("unreadable", f"wanted four points, got {len(points)}")
    return Drawn(*named, (points,))


def _circle(shape: Mapping[str, Any], named: _Named) -> Drawn:
    (x_px, y_px), (edge_x_px, edge_y_px) = _two(_points(shape)).tolist()
    radius_px = math.hypot(edge_x_px - x_px, edge_y_px - y_px)
    box_px = (x_px - radius_px, y_px - radius_px, x_px + radius_px, y_px + radius_px)
    return Drawn(*named, (ellipse_in(box_px),))


def _mask(shape: Mapping[str, Any], named: _Named) -> Drawn:
    left, top, right, bottom = map(int, _two(_points(shape)).ravel().tolist())
    try:
        held = base64.b64decode(shape.get("mask") or "", validate=True)
        pixels = read_still(held, name="mask")[:, :, 0] > 0
    except (InputError, binascii.Error, TypeError, ValueError) as error:
        raise BadShapeError("unreadable", f"its mask: {error}") from error
    rows, cols = pixels.shape
    if (cols, rows) != (right - left + 1, bottom - top + 1):
        wanted = f"{right - left + 1}x{bottom - top + 1}"
        raise BadShapeError("size", f"wanted a mask of {wanted} px, got {cols}x{rows}")
    return Drawn(*named, patch=Patch(pixels, left, top))


_READ: Final[Mapping[str, Callable[[Mapping[str, Any], _Named], Drawn]]] = {
    "polygon": _polygon,
    "rectangle": _rectangle,
    "oriented_rectangle": _turned,
    "circle": _circle,
    "mask": _mask,
}


def _points(shape: Mapping[str, Any]) -> Polygon:
    try:
        points = np.array(shape.get("points"), np.float64).reshape(-1, 2)
    except (ValueError, TypeError, OverflowError):
        points = np.full((1, 2), np.nan)
    if not np.isfinite(points).all():
        raise BadShapeError("unreadable", "wanted points of two numbers each, got others")
    return points


def _two(points: Polygon) -> Polygon:
    if len(points) != 2:
        raise BadShapeError("unreadable", f"wanted two points, got {len(points)}")
    return points
