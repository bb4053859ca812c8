"""Annotated pictures of a folder, whatever their format, split in three, and all that is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rostfine.errors import InputError
from rostfine.morphology.crosscheck import (
    annotated_twice,
    empty_sides,
    find_leaks,
    heads_met_again,
    same_content,
    tell_parts,
    without_annotation,
)
from rostfine.morphology.heads import SPLITS, Picture
from rostfine.morphology.joined import join
from rostfine.morphology.pages import Fitted, annotation_files, fit_page, picture_id, read_pages
from rostfine.morphology.params import DataParams
from rostfine.morphology.shapes import Fault
from rostfine.morphology.splits import split_pictures
from rostfine.progress import Advance, silent


@dataclass(frozen=True)
class Dataset:
    """The pictures that nothing is wrong with, and faults and notices of all."""

    folder: Path
    pictures: tuple[Picture, ...]
    faults: tuple[Fault, ...]
    contents: Mapping[str, str]  # SHA-256 of the pixels of each picture, by its id


def read_dataset(folder: Path, params: DataParams, *, advance: Advance = silent) -> Dataset:
    """Read all annotation files below `folder`, an `advance` each, and split their pictures.

    Nothing is raised: what is wrong, all of it, is in `faults`.
    """
    pages, faults = _read_all(folder, params, advance)
    faults += annotated_twice(folder, pages)
    faults += heads_met_again(pages, params.classes)
    faults += tell_parts(pages, params.classes)
    faults += without_annotation(folder, pages)
    wrong = {fault.where for fault in faults if fault.stops}
    # A fault of a file may be of any picture in it.
    usable = [one for one in pages if not wrong & {one.page.where, str(one.page.source)}]
    pictures = [_picture(folder, page, params) for page in usable]
    contents = {picture_id(folder, page.page): page.sha256 for page in usable}
    left_out = {picture_id(folder, page.page) for page in pages} - set(contents)
    split = split_pictures(
        pictures, contents, params.split, classes=params.classes, left_out=left_out
    )
    sides = split.sides
    placed = [replace(p, split=sides[p.picture_id]) for p in pictures if p.picture_id in sides]
    leaks = find_leaks(placed, contents)
    kept = tuple(one for one in placed if one.picture_id not in leaks)
    faults += [*split.faults, *leaks.values(), *same_content(kept, contents)]
    faults += empty_sides(folder, kept)
    return Dataset(
        folder, kept, tuple(faults), {p.picture_id: contents[p.picture_id] for p in kept}
    )


def check_usable(dataset: Dataset, on_bad_input: Literal["stop", "skip"]) -> None:
    """Raise InputError with every fault if one is to stop at faults, or a split has no picture."""
    wrong = [fault.text for fault in dataset.faults if fault.stops]
    empty = sorted(set(SPLITS) - {one.split for one in dataset.pictures}, key=SPLITS.index)
    if wrong and (on_bad_input == "stop" or empty):
        raise InputError.of_faults(wrong)
    if empty:
        raise InputError(f"{dataset.folder}: wanted pictures to {', '.join(empty)}, got none")


def _read_all(
    folder: Path, params: DataParams, advance: Advance
) -> tuple[list[Fitted], list[Fault]]:
    fitted, faults = list[Fitted](), list[Fault]()
    files = annotation_files(folder)
    for source in files:
        pages, wrong = read_pages(source, frozenset(params.ignored))
        faults += wrong
        for page in pages:
            advance(0, page.where)
            one = fit_page(page, params)
            faults += one.faults
            fitted.append(one)
        advance(1, source.name)
    if not files:
        line = "wanted annotations of labelme, Pascal VOC or COCO, got no JSON or XML file"
        faults.append(Fault(str(folder), "unreadable", line))
    return fitted, faults


def _picture(folder: Path, fitted: Fitted, params: DataParams) -> Picture:
    page = fitted.page
    return Picture(
        picture_id(folder, page),
        page.path or page.source,
        page.source,
        fitted.height_px,
        fitted.width_px,
        join(fitted.shapes, params.classes),
    )
