"""Annotations of COCO: a JSON file of many pictures."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from rostfine.morphology.contour import Patch
from rostfine.morphology.shapes import (
    BadShapeError,
    Drawn,
    Fault,
    Page,
    ellipse_in,
    find_image,
)


def is_coco(content: Any) -> bool:
    """Tell COCO's JSON by its content."""
    wanted = ("images", "annotations", "categories")
    return isinstance(content, Mapping) and all(isinstance(content.get(k), list) for k in wanted)


def read_coco(
    source: Path, content: Mapping[str, Any], ignored: Collection[str]
) -> tuple[tuple[Page, ...], tuple[Fault, ...]]:
    """Return the pictures that the JSON `content` of `source` names, and what else is wrong.

    Annotations of `ignored` categories are left out, and crowds with a notice.
    """
    images, categories = (
        [entry for entry in content[key] if _has(entry, keys)] for key, keys in _KEYS.items()
    )
    labels = {one["id"]: str(one["name"]).strip() for one in categories}
    of_image: _Annotations = {image["id"]: [] for image in images}
    astray = [
        Fault(str(source), "unreadable", line)
        for line in _share_out(content["annotations"], of_image)
    ]
    pages = tuple(_page(source, image, of_image[image["id"]], labels, ignored) for image in images)
    return pages, (
        *(Fault(str(source), "unreadable", line) for line in _damaged(content)),
        *(Fault(str(source), "duplicate", f"category {line}") for line in _again(categories)),
        *(
            Fault(where, "duplicate", f"image {line}")
            for line, same in _again(images).items()
            for where in dict.fromkeys(_where(source, image) for image in same)
        ),
        *astray,
    )


_KEYS = {"images": ("id", "file_name"), "categories": ("id", "name")}
_Annotations = dict[Any, list[tuple[str, Mapping[str, Any]]]]
"""What each is called, and what it says, by the id of its image."""


def _damaged(content: Mapping[str, Any]) -> list[str]:
    return [
        f"{key}[{at}]: wanted {' and '.join(keys)}, got others"
        for key, keys in _KEYS.items()
        for at, entry in enumerate(content[key])
        if not _has(entry, keys)
    ]


def _again(entries: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the entries of each id that several have, by a line: nothing tells which is meant."""
    same = defaultdict[Any, list[Mapping[str, Any]]](list)
    for one in entries:
        same[one["id"]].append(one)
    return {
        f"id {number!r}: wanted it once, got it {len(ones)} times": ones
        for number, ones in same.items()
        if len(ones) > 1
    }


def _share_out(annotations: Sequence[Any], of_image: _Annotations) -> list[str]:
    """Give each annotation to its image; return a line for each of those that may be of any."""
    lines = []
    for at, one in enumerate(annotations):
        if not _has(one, ("image_id",)):
            lines.append(f"annotations[{at}]: wanted image_id and category_id, got others")
            continue
        called = f"annotation {one['id']}" if "id" in one else f"annotations[{at}]"
        if one["image_id"] in of_image:
            of_image[one["image_id"]].append((called, one))
        else:
            lines.append(f"{called}: wanted an image that is listed, got {one['image_id']}")
    return lines


def _has(entry: Any, keys: tuple[str, ...]) -> bool:
    plain = (int, str)
    return isinstance(entry, Mapping) and all(isinstance(entry.get(key), plain) for key in keys)


def _where(source: Path, image: Mapping[str, Any]) -> str:
    return f"{source}: {image['file_name']}"


def _page(
    source: Path,
    image: Mapping[str, Any],
    annotations: Sequence[tuple[str, Mapping[str, Any]]],
    labels: Mapping[Any, str],
    ignored: Collection[str],
) -> Page:
    wanted = str(image["file_name"])
    where, drawn, faults = _where(source, image), list[Drawn](), list[Fault]()
    for name, one in annotations:
        if not _has(one, ("category_id",)):
            line = f"{name}: wanted image_id and category_id, got others"
            faults.append(Fault(where, "unreadable", line))
            continue
        called = f"{name} ({labels.get(one['category_id'], 'no category')})"
        if labels.get(one["category_id"]) in ignored:
            continue
        if one.get("iscrowd"):
            faults.append(Fault(where, "shape", f"{called}: a crowd; left out", stops=False))
            continue
        try:
            drawn.append(_read_one(one, called, labels, image))
        except BadShapeError as error:
            faults.append(Fault(where, error.kind, f"{called}: {error}"))
    path = find_image(source, wanted, or_stem=False)
    named = path or source.parent / wanted.replace("\\", "/")
    size_px = image.get("width"), image.get("height")
    is_said = all(isinstance(value, int) and value for value in size_px)
    said = (int(size_px[0] or 0), int(size_px[1] or 0)) if is_said else None
    return Page(source, where, named, path, wanted, said, tuple(drawn), tuple(faults))


def _read_one(
    one: Mapping[str, Any], called: str, labels: Mapping[Any, str], image: Mapping[str, Any]
) -> Drawn:
    if one["category_id"] not in labels:
        known = ", ".join(f"{number} {name}" for number, name in labels.items())
        raise BadShapeError("unknown label", f"wanted one of {known}, got {one['category_id']}")
    named = (called, labels[one["category_id"]], "")
    outline = one.get("segmentation")
    try:
        if isinstance(outline, Mapping):
            return Drawn(*named, patch=Patch(_decode(outline, image), 0, 0))
        if outline:
            parts = tuple(np.array(part, np.float64).reshape(-1, 2) for part in outline)
            if not all(np.isfinite(part).all() for part in parts):
                raise ValueError("wanted finite numbers")
            return Drawn(*named, parts)
        left, top, width, height = map(float, one.get("bbox") or ())
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        wanted = "wanted polygons, run lengths or a bbox"
        raise BadShapeError("unreadable", f"{wanted}; got what cannot be read: {error}") from error
    if not np.isfinite([left, top, width, height]).all():
        raise BadShapeError("unreadable", "wanted a bbox of finite numbers")
    ellipse = ellipse_in((left, top, left + width, top + height))
    return Drawn(*named, (ellipse,), outlined=False)


def _decode(rle: Mapping[str, Any], image: Mapping[str, Any]) -> Bool[ndarray, "row col"]:
    """Return the mask of run lengths; pycocotools does not check those that it is given."""
    height, width = map(int, rle["size"])
    said = (image.get("width", width), image.get("height", height))
    if said != (width, height):
        got = f"{width}x{height}"
        raise BadShapeError("size", f"wanted a mask of {said[0]}x{said[1]} px, got {got}")
    counts = rle["counts"]
    runs = np.array(_unpack(counts) if isinstance(counts, str) else counts, np.int64)
    total = sum(runs.tolist())  # in whole numbers without end
    if (runs < 0).any() or total != height * width:
        raise ValueError(f"wanted runs over {height * width} pixels, got {total}")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T


def _unpack(text: str) -> list[int]:
    """Return the run lengths that COCO packs into a text: six bits a letter, of which five count.

    From the fourth on, each is written as the difference to the last but one.
    """
    runs, value, shift = list[int](), 0, 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"wanted letters from '0' to 'o', got {letter!r}")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        value -= (bits & 16) and 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("wanted whole runs, got a text that is cut off")
    return runs
