"""What is wrong with annotated pictures that only shows when they are looked at together."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from rostfine.morphology.heads import SPLITS, Picture
from rostfine.morphology.joined import labels_of_parts, met_again, missing_parts
from rostfine.morphology.pages import Fitted, picture_id
from rostfine.morphology.params import Classes
from rostfine.morphology.shapes import IMAGE_SUFFIXES, Fault


def annotated_twice(folder: Path, pages: Sequence[Fitted]) -> list[Fault]:
    """Return a fault for each of several annotations of one picture: neither is the better."""
    ids = [picture_id(folder, one.page) for one in pages]
    times = Counter(ids)
    return [
        Fault(one.page.where, "duplicate", f"wanted one annotation of {name}, got {times[name]}")
        for name, one in zip(ids, pages, strict=True)
        if times[name] > 1
    ]


def heads_met_again(pages: Sequence[Fitted], classes: Classes) -> list[Fault]:
    """Return a fault for each two whole heads of a picture that are one."""
    return [
        Fault(one.page.where, "duplicate", line)
        for one in pages
        for line in met_again(one.shapes, classes)
    ]


def tell_parts(pages: Sequence[Fitted], classes: Classes) -> list[Fault]:
    """Return a notice for each head that lacks a part that others have, and each empty picture."""
    parts = labels_of_parts((page.shapes for page in pages), classes)
    told = list[Fault]()
    for one in pages:
        where = one.page.where
        lines = missing_parts(one.shapes, parts)
        told += [Fault(where, "part", line, stops=False) for line in lines]
        if not one.shapes and not any(fault.stops for fault in one.faults):
            told.append(Fault(where, "empty", "wanted a head or more, got none", stops=False))
    return told


def without_annotation(folder: Path, pages: Sequence[Fitted]) -> list[Fault]:
    """Return a notice if there are images that no annotation is of."""
    named = {path.stem for one in pages for path in (one.page.source, one.page.named)}
    named |= {one.page.path.stem for one in pages if one.page.path}
    images = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    alone = sorted(path for path in images if path.stem not in named and path.name[0] != ".")
    if not alone:
        return []
    line = f"{len(alone)} pictures without an annotation, the first {alone[0]}"
    return [Fault(str(folder), "empty", line, stops=False)]


def find_leaks(pictures: Sequence[Picture], contents: Mapping[str, str]) -> dict[str, Fault]:
    """Return a fault for each picture that a later side has, too, by its id.

    Without those, what is tested stays as it is.
    """
    leaks = dict[str, Fault]()
    for alike in _alike(pictures, contents):
        last = max(alike, key=lambda one: SPLITS.index(one.split))
        for one in alike:
            if one.split != last.split:
                line = f"wanted each picture in one split, got it in {one.split}"
                line += f" and, as {last.path}, in {last.split}"
                leaks[one.picture_id] = Fault(str(one.path), "duplicate", line)
    return leaks


def same_content(pictures: Sequence[Picture], contents: Mapping[str, str]) -> list[Fault]:
    """Return a notice for each picture that another one equals."""
    return [
        Fault(str(one.path), "duplicate", f"the same picture as {alike[0].path}", stops=False)
        for alike in _alike(pictures, contents)
        for one in alike[1:]
    ]


def empty_sides(folder: Path, pictures: Sequence[Picture]) -> list[Fault]:
    """Return a notice for each split without a picture."""
    got = {one.split for one in pictures}
    return [
        Fault(str(folder), "split", f"wanted pictures to {side}, got none", stops=False)
        for side in SPLITS
        if pictures and side not in got
    ]


def _alike(pictures: Sequence[Picture], contents: Mapping[str, str]) -> list[list[Picture]]:
    alike = defaultdict[str, list[Picture]](list)
    for one in pictures:
        alike[contents[one.picture_id]].append(one)
    return [same for same in alike.values() if len(same) > 1]
