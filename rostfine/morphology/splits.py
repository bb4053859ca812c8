"""Who trains, who chooses the epoch, who is tested: pictures in three, and equal ones together."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from rostfine.errors import TableError
from rostfine.morphology.heads import SPLITS, TEST, TRAIN, VALIDATION, Picture
from rostfine.morphology.params import HEADS, ClassParams, SplitParams
from rostfine.morphology.shapes import Fault, bare
from rostfine.schemas import Table, read_table

SPLIT_FILE: Final = Table({"picture": "text", "split": "text"})
FOLDERS: Final = {"train": TRAIN, "validation": VALIDATION, "val": VALIDATION, "test": TEST}


@dataclass(frozen=True)
class Split:
    """On what side each picture is, by its id, and what is wrong with that.

    A picture without a side is one of those at fault.
    """

    sides: Mapping[str, str]
    faults: tuple[Fault, ...] = ()


def split_pictures(
    pictures: Sequence[Picture],
    contents: Mapping[str, str],
    params: SplitParams,
    *,
    classes: Mapping[str, ClassParams],
    left_out: Iterable[str] = (),
) -> Split:
    """Split pictures; `contents` tells by their id which are equal.

    Neither the order of `pictures` nor their names decide who is drawn, but what they show. Ids
    that are `left_out` for a fault may stand in the file of splits.
    """
    strata = {one.picture_id: leading_class(one, classes) for one in pictures}
    if params.method == "file":
        return _read(Path(params.file or ""), set(strata), set(left_out))
    if params.method == "folders":
        return _by_folders(pictures, contents, strata, params)
    ids = [one.picture_id for one in pictures]
    test = _draw(ids, contents, strata, share=params.test, seed=params.seed)
    others = [one for one in ids if one not in test]
    validation = _draw(others, contents, strata, share=params.validation, seed=params.seed)
    sides = {one: TEST if one in test else _train_or(validation, one) for one in ids}
    return Split(sides)


def _train_or(validation: set[str], one: str) -> str:
    return VALIDATION if one in validation else TRAIN


def leading_class(picture: Picture, classes: Mapping[str, ClassParams]) -> str:
    """Return the class that most heads have; of equally many the first of params; "" for none."""
    heads = Counter(
        one.class_name for one in picture.instances if classes[one.class_name].role in HEADS
    )
    return max(classes, key=lambda name: heads[name]) if heads else ""


def _draw(
    ids: Sequence[str],
    contents: Mapping[str, str],
    strata: Mapping[str, str],
    *,
    share: float,
    seed: int,
) -> set[str]:
    """Return a share of the pictures, of each stratum alike, one at least of two or more.

    They are drawn by a hash of what they show, so that new pictures hardly move the others.
    """
    alike = defaultdict[str, list[str]](list)
    for one in sorted(ids):
        alike[contents[one]].append(one)
    of_stratum = defaultdict[str, list[str]](list)
    for content in sorted(alike, key=lambda one: hashlib.sha256(f"{seed} {one}".encode()).digest()):
        of_stratum[strata[alike[content][0]]].append(content)
    names = sorted(of_stratum)
    counts = _portions([len(of_stratum[name]) for name in names], share)
    drawn = [one for name, n in zip(names, counts, strict=True) for one in of_stratum[name][:n]]
    return {one for content in drawn for one in alike[content]}


def _portions(sizes: Sequence[int], share: float) -> list[int]:
    """Return whole portions of each size that make up the share of all, by largest remainders."""
    total = sum(sizes)
    wanted = min(max(round(share * total), 1), total - 1)
    exact = [wanted * size / total for size in sizes]
    counts = [int(portion) for portion in exact]
    by_rest = sorted(range(len(sizes)), key=lambda at: counts[at] - exact[at])
    for at in by_rest[: wanted - sum(counts)]:
        counts[at] += 1
    return counts


def _by_folders(
    pictures: Sequence[Picture],
    contents: Mapping[str, str],
    strata: Mapping[str, str],
    params: SplitParams,
) -> Split:
    sides, faults = dict[str, str](), list[Fault]()
    for one in pictures:
        first, _, rest = one.picture_id.partition("/")
        if rest and first.lower() in FOLDERS:
            sides[one.picture_id] = FOLDERS[first.lower()]
        else:
            wanted = f"wanted it below {', '.join(FOLDERS)}, or data.split.method: random"
            line = f"{wanted}; got {one.picture_id}"
            faults.append(Fault(str(one.path), "split", line))
    if VALIDATION not in sides.values():
        train = [one for one, side in sides.items() if side == TRAIN]
        drawn = _draw(train, contents, strata, share=params.validation, seed=params.seed)
        sides |= dict.fromkeys(drawn, VALIDATION)
    return Split(sides, tuple(faults))


def _read(path: Path, known: set[str], left_out: set[str]) -> Split:
    try:
        table = read_table(path, SPLIT_FILE)
    except TableError as error:
        return Split({}, tuple(Fault(str(path), "split", line) for line in error.faults))
    sides, lines = dict[str, str](), list[str]()
    said = zip(table["picture"], table["split"], strict=True)
    for number, (name, side) in enumerate(said, start=2):
        one = name if name in known | left_out else bare(PurePosixPath(name))
        if one in sides:
            lines.append(f"row {number}: wanted each picture once, got {name!r} again")
        elif one not in known | left_out:
            lines.append(f"row {number}: wanted a picture below the data, got {name!r}")
        if side not in SPLITS:
            lines.append(f"row {number}: wanted {', '.join(SPLITS)}; got {side!r}")
        sides.setdefault(one, side)
    lines += [f"wanted a split for picture {one!r}, got none" for one in sorted(known - set(sides))]
    kept = {one: side for one, side in sides.items() if one in known and side in SPLITS}
    return Split(kept, tuple(Fault(str(path), "split", line) for line in lines))
