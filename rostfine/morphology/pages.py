"""Annotation files of any format as pages, and what is at fault on each."""

import hashlib
import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from rostfine.errors import InputError
from rostfine.morphology.coco_json import is_coco, read_coco
from rostfine.morphology.fitted import Shape, fit_in
from rostfine.morphology.labelme import is_labelme, read_labelme, read_pixels
from rostfine.morphology.params import DataParams
from rostfine.morphology.shapes import BadShapeError, Drawn, Fault, Page, bare
from rostfine.morphology.voc import is_voc, read_voc

WANTED: Final = "wanted annotations of labelme, Pascal VOC or COCO"
LONGEST: Final = 100
"""Times its shorter side: of a longer picture nothing is left of that where a network looks."""


@dataclass(frozen=True)
class Fitted:
    """A page whose image was looked at; where there are `faults` that stop, it is of no use."""

    page: Page
    faults: tuple[Fault, ...]
    sha256: str = ""  # of the pixels
    height_px: int = 0
    width_px: int = 0
    shapes: tuple[Shape, ...] = ()


def annotation_files(folder: Path) -> list[Path]:
    """Return the JSON and XML files below a folder, but for hidden ones."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in {".json", ".xml"}
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def picture_id(folder: Path, page: Page) -> str:
    """Return the id of a page's picture: where it is below `folder`, without its suffix."""
    named = Path(os.path.normpath(page.named))
    if not named.is_relative_to(os.path.normpath(folder)):
        named = page.source.parent / named.name
    return bare(Path(os.path.relpath(named, folder)))


def read_pages(
    source: Path, ignored: Collection[str]
) -> tuple[tuple[Page, ...], tuple[Fault, ...]]:
    """Return the pictures that an annotation file names, and faults that are of none of them."""
    try:
        if source.suffix.lower() == ".xml":
            root = ElementTree.fromstring(source.read_bytes())
            if is_voc(root):
                return (read_voc(source, root, ignored),), ()
            raise ValueError(f"{WANTED}, got the element {root.tag!r}")
        content = json.loads(source.read_bytes())
        if is_labelme(content):
            return (read_labelme(source, content, ignored),), ()
        if is_coco(content):
            return read_coco(source, content, ignored)
        raise ValueError(f"{WANTED}, got {_told(content)}")
    except (OSError, ValueError, ElementTree.ParseError, RecursionError) as error:
        said = " ".join(str(error).split())
        line = said if said.startswith(WANTED) else f"{WANTED}, got what cannot be read: {said}"
        return (), (Fault(str(source), "unreadable", line),)


def fit_page(page: Page, params: DataParams) -> Fitted:
    """Look at a page's image and fit its shapes to it.

    Every shape is looked at, whatever is wrong with the others; without the right image none is.
    """
    where = page.where
    if page.path is None:
        line = f"wanted its image {page.wanted!r} there or beside, got none"
        return Fitted(page, (*page.faults, Fault(where, "missing image", line)))
    try:
        pixels = read_pixels(page.path)
    except InputError as error:
        return Fitted(page, (*page.faults, Fault(where, "unreadable", str(error))))
    height_px, width_px, _ = pixels.shape
    if page.size_px and page.size_px != (width_px, height_px):
        wanted, got = "{}x{}".format(*page.size_px), f"{width_px}x{height_px}"
        line = f"wanted an image of {wanted} px as annotated, got {got} (turned as its EXIF says)"
        return Fitted(page, (*page.faults, Fault(where, "size", line)))
    if max(height_px, width_px) > LONGEST * min(height_px, width_px):
        line = f"wanted a picture of sides up to 1:{LONGEST}, got {width_px}x{height_px} px"
        return Fitted(page, (*page.faults, Fault(where, "size", line)))
    shapes, faults = _fit_all(page, params, height_px, width_px)
    return Fitted(page, (*page.faults, *faults), _digest(pixels), height_px, width_px, shapes)


def _fit_all(
    page: Page, params: DataParams, height_px: int, width_px: int
) -> tuple[tuple[Shape, ...], list[Fault]]:
    shapes, faults, wrong = list[Shape](), list[Fault](), list[tuple[Drawn, BadShapeError]]()
    for drawn in page.drawn:
        try:
            _check_use(drawn, params)
            shape, notice = fit_in(drawn, height_px, width_px)
        except BadShapeError as error:
            wrong.append((drawn, error))
            continue
        shapes.append(shape)
        if notice:
            faults.append(Fault(page.where, "outside", f"{drawn.where}: {notice}", stops=False))
    told = {(shape.label, shape.group) for shape in shapes if shape.group}
    for drawn, why in wrong:
        # A slip of the hand beside the true shape of the same part takes nothing away.
        is_slip = why.kind == "zero area" and (drawn.label, drawn.group) in told
        line = f"{drawn.where}: {why}" + ("; left out, its group has another" if is_slip else "")
        faults.append(Fault(page.where, why.kind, line, stops=not is_slip))
    return tuple(shapes), faults


def _check_use(drawn: Drawn, params: DataParams) -> None:
    known = [label for one in params.classes.values() for label in one.labels]
    if drawn.label not in known:
        wanted = ", ".join(dict.fromkeys((*known, *params.ignored)))
        raise BadShapeError("unknown label", f"wanted one of {wanted}; got {drawn.label!r}")
    if not drawn.outlined and params.boxes == "refuse":
        raise BadShapeError("box", "wanted an outline (data.boxes is refuse), got a box")


def _digest(pixels: UInt8[ndarray, "row col 3"]) -> str:
    size = np.array(pixels.shape, np.int64).tobytes()
    return hashlib.sha256(size + pixels.tobytes()).hexdigest()


def _told(content: Any) -> str:
    if isinstance(content, dict):
        return f"an object with {', '.join(map(str, list(content)[:5])) or 'nothing'}"
    return f"a {type(content).__name__}"
