"""Annotations of Pascal VOC: an XML file of boxes for each picture."""

import math
from collections.abc import Collection
from pathlib import Path
from xml.etree import ElementTree

from rostfine.morphology.heads import Box
from rostfine.morphology.shapes import BadShapeError, Drawn, Fault, Page, ellipse_in, find_image

SIDES = ("xmin", "ymin", "xmax", "ymax")


def is_voc(root: ElementTree.Element) -> bool:
    """Tell a file of Pascal VOC by its outermost element."""
    return root.tag == "annotation"


def read_voc(source: Path, root: ElementTree.Element, ignored: Collection[str]) -> Page:
    """Return what the XML of `source` says, without boxes of `ignored` labels."""
    drawn, faults = list[Drawn](), list[Fault]()
    for number, one in enumerate(root.iter("object"), start=1):
        label = (one.findtext("name") or "").strip()
        called = f"object {number}" + (f" ({label})" if label else "")
        if label in ignored:
            continue
        try:
            ellipse = ellipse_in(_read_box(one))
            drawn.append(Drawn(called, label, "", (ellipse,), outlined=False))
        except BadShapeError as error:
            faults.append(Fault(str(source), error.kind, f"{called}: {error}"))
    wanted = (root.findtext("filename") or "").strip()
    path = find_image(source, wanted, or_stem=True)
    size_px = _read_size(root)
    return Page(source, str(source), source, path, wanted, size_px, tuple(drawn), tuple(faults))


def _read_box(one: ElementTree.Element) -> Box:
    """Return a box from edge to edge: the format names its first and last pixel, from 1 on."""
    try:
        said = [float(one.findtext(f"bndbox/{side}") or "") for side in SIDES]
        if not all(map(math.isfinite, said)):
            raise ValueError
    except ValueError:
        raise BadShapeError("shape", f"wanted a bndbox with {', '.join(SIDES)}, got none") from None
    left, top, right, bottom = said
    return left - 1, top - 1, right, bottom


def _read_size(root: ElementTree.Element) -> tuple[int, int] | None:
    """Return width and height; some tools leave them 0."""
    said = [(root.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
    if not all(text.isdecimal() and int(text) for text in said):
        return None
    width, height = map(int, said)
    return width, height
