"""Tags: which sperm of which video are wanted, and where each is in one frame."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rostfine.errors import TableError
from rostfine.schemas import TAGS, read_table

NAME: Final = re.compile(r"[^./\\\0][^/\\\0]*")
"""What can be the name of a file, and of none that is hidden or elsewhere."""


@dataclass(frozen=True)
class Tag:
    """A target sperm: its head is at (`x_px`, `y_px`) in `frame`, counted from 0."""

    sample_id: str
    video_id: str
    frame: int
    x_px: float
    y_px: float


def read_tags(path: Path) -> list[Tag]:
    """Read a table of tags, in its order.

    Raises TableError as `read_table` does, and for no tags at all, a frame below 0, or an id that
    cannot be the name of a file.
    """
    table = read_table(path, TAGS)
    if table.empty:
        raise TableError(f"{path}: no tags; wanted a row for each sperm to grade")
    columns = (table[name].to_list() for name in TAGS.columns)
    tags = [
        Tag(str(sample), str(video), int(frame), float(x_px), float(y_px))
        for sample, video, frame, x_px, y_px in zip(*columns, strict=True)
    ]
    # An editor counts rows from 1, and the first is the header.
    faults = [
        f"{path}: row {row}, {fault}" for row, tag in enumerate(tags, 2) for fault in _of(tag)
    ]
    if faults:
        raise TableError.of_faults(faults)
    return tags


def _of(tag: Tag) -> list[str]:
    faults = [
        f"column {column}: wanted a name for a file, got {name!r}"
        for column, name in (("sample_id", tag.sample_id), ("video_id", tag.video_id))
        if not NAME.fullmatch(name)
    ]
    if tag.frame < 0:
        faults.append(f"column frame: wanted 0 or more, got {tag.frame}")
    return faults
