"""Annotated pictures as the tables that later stages read."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from jaxtyping import UInt8
from numpy import ndarray

from rostfine.morphology.dataset import Dataset
from rostfine.morphology.heads import Instance, Picture
from rostfine.morphology.labelme import read_pixels
from rostfine.morphology.shapes import Fault
from rostfine.morphology.tables import (
    FAULTS,
    FAULTS_FILE,
    INSTANCES,
    INSTANCES_FILE,
    PICTURES,
    PICTURES_FILE,
)
from rostfine.schemas import Table, read_table, typed, write_table


def write_faults(faults: Sequence[Fault]) -> None:
    """Write the table of faults; the line of a notice says so."""
    rows = [
        {
            "where": one.where,
            "kind": one.kind,
            "line": one.line if one.stops else f"notice: {one.line}",
        }
        for one in faults
    ]
    _write(FAULTS_FILE, rows, FAULTS)


def write_pictures(dataset: Dataset) -> None:
    """Write the tables of pictures and of their instances."""
    pictures = [
        {
            "picture_id": one.picture_id,
            "path": str(one.path),
            "source": str(one.source),
            "split": one.split,
            "width_px": one.width_px,
            "height_px": one.height_px,
            "sha256": dataset.contents[one.picture_id],
        }
        for one in dataset.pictures
    ]
    _write(PICTURES_FILE, pictures, PICTURES)
    write_table(INSTANCES_FILE, found_table(dataset.pictures), INSTANCES)


def found_table(pictures: Sequence[Picture]) -> pd.DataFrame:
    """Return the instances of pictures as a table, whoever found them."""
    rows = [
        _instance_row(picture.picture_id, number, one)
        for picture in pictures
        for number, one in enumerate(picture.instances)
    ]
    return typed(pd.DataFrame(rows, columns=list(INSTANCES.columns)), INSTANCES)


def read_found(path: Path, pictures: Sequence[Picture]) -> list[Picture]:
    """Return pictures with the instances of a table instead of their own.

    Raises TableError if the table is missing or damaged.
    """
    instances = _read_instances(path, pictures)
    return [replace(one, instances=tuple(instances[one.picture_id])) for one in pictures]


def read_pictures(split: str | None = None) -> list[Picture]:
    """Return the pictures of a split, or all, as the tables have them.

    Raises TableError if a table is missing or damaged.
    """
    pictures = read_table(PICTURES_FILE, PICTURES)
    wanted = pictures if split is None else pictures[pictures["split"] == split]
    bare = [_picture(row) for row in wanted.to_dict("records")]
    return read_found(INSTANCES_FILE, bare)


def read_image(picture: Picture) -> UInt8[ndarray, "row col 3"]:
    """Read a picture's RGB, from its image file or the labelme file that holds it.

    Raises InputError if it cannot be read.
    """
    return read_pixels(picture.path)


def _instance_row(picture_id: str, number: int, one: Instance) -> dict[str, Any]:
    left, top, right, bottom = one.box_px
    return {
        "picture_id": picture_id,
        "instance": number,
        "class_name": one.class_name,
        "score": one.score,
        "left_px": left,
        "top_px": top,
        "right_px": right,
        "bottom_px": bottom,
        "mask": one.mask["counts"].decode("ascii"),
        "group": one.group,
        "outlined": int(one.outlined),
    }


def _picture(row: Mapping[Any, Any]) -> Picture:
    return Picture(
        row["picture_id"],
        Path(row["path"]),
        Path(row["source"]),
        row["height_px"],
        row["width_px"],
        (),
        row["split"],
    )


def _read_instances(path: Path, pictures: Sequence[Picture]) -> dict[str, list[Instance]]:
    sizes = {one.picture_id: (one.height_px, one.width_px) for one in pictures}
    instances = defaultdict[str, list[Instance]](list)
    for row in read_table(path, INSTANCES).to_dict("records"):
        if row["picture_id"] in sizes:
            instances[row["picture_id"]].append(_instance(row, sizes[row["picture_id"]]))
    return instances


def _instance(row: Mapping[Any, Any], size: tuple[int, int]) -> Instance:
    return Instance(
        row["class_name"],
        (row["left_px"], row["top_px"], row["right_px"], row["bottom_px"]),
        {"size": list(size), "counts": row["mask"].encode("ascii")},
        outlined=bool(row["outlined"]),
        group="" if pd.isna(row["group"]) else row["group"],
        score=row["score"],
    )


def _write(path: Path, rows: list[dict[str, Any]], table: Table) -> None:
    frame = pd.DataFrame(rows, columns=list(table.columns))
    write_table(path, typed(frame, table), table)
