"""Tables as the data set has them: `;` between cells, decimal commas, often a byte order mark."""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from rostfine.visem.faults import Fault

ID: Final = "ID"
EMPTY: Final = frozenset({"", "not reported", "nan", "na", "n/a"})
"""Cells, in small letters, that say that there is no value."""

_NUMBER: Final = re.compile(r"[+-]?\d+(,\d+)?")


@dataclass(frozen=True)
class Row:
    """One participant's cells by column; `number` is the row's as an editor shows it."""

    number: int
    participant_id: str
    cells: Mapping[str, str]


@dataclass(frozen=True)
class PublishedTable:
    """What could be read of a table; `ids` are also those of rows that cannot be used."""

    path: Path
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    ids: frozenset[str] = frozenset()
    faults: tuple[Fault, ...] = ()


def read_published(path: Path, needed: Sequence[str] = (ID,)) -> PublishedTable:
    """Read a table of a row per participant that must have the columns `needed`.

    Nothing is raised: what is wrong is in `faults`, and a row with a fault is left out.
    """
    try:
        records = _records(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = error.strerror if isinstance(error, OSError) else f"wanted UTF-8 text, {error}"
        return PublishedTable(path, faults=(Fault("", f"{path}: not a readable table: {why}"),))
    header = tuple(name.strip() for name in records[0][1]) if records else ()
    if faults := _header_faults(path, header, needed):
        return PublishedTable(path, header, faults=faults)
    return _read_rows(path, header, records[1:])


def to_number(cell: str) -> float:
    """Return the value of a cell with a decimal comma; NaN where none is reported.

    Raises ValueError for any other text.
    """
    if cell.lower() in EMPTY:
        return math.nan
    if not _NUMBER.fullmatch(cell):
        raise ValueError(cell)
    return float(cell.replace(",", "."))


def _records(path: Path) -> list[tuple[int, list[str]]]:
    """Return the cells of each row that is not blank, and the number of its first line."""
    text = path.read_text(encoding="utf-8-sig")
    reader = csv.reader(io.StringIO(text), delimiter=";", strict=True)
    records, first_line = [], 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            records.append((first_line, [cell.strip() for cell in cells]))
        first_line = reader.line_num + 1
    return records


def _header_faults(path: Path, header: tuple[str, ...], needed: Sequence[str]) -> tuple[Fault, ...]:
    if not header:
        return (Fault("", f"{path}: wanted a table with {', '.join(needed)}, got an empty file"),)
    got = next((mark for mark in (",", "\t") if mark in header[0]), None)
    if len(header) == 1 and (got or len(needed) > 1):
        said = f"cells separated by {got!r}" if got else f"one column {header[0]!r}"
        return (Fault("", f"{path}: row 1: wanted cells separated by ';', got {said}"),)
    strange = [name for name in header if name not in needed]
    missing = [_missing_column(path, strange, name) for name in needed if name not in header]
    doubled = [
        Fault("", f"{path}: row 1: wanted the column {name!r} once, got it {header.count(name)}x")
        for name in dict.fromkeys(header)
        if header.count(name) > 1
    ]
    return tuple(missing + doubled)


def _missing_column(path: Path, strange: Sequence[str], name: str) -> Fault:
    near = get_close_matches(name, strange, n=1, cutoff=0.8)
    got = f"{near[0]!r}" if near else "none"
    return Fault("", f"{path}: row 1: wanted a column {name!r}, got {got}")


def _read_rows(
    path: Path, header: tuple[str, ...], records: Sequence[tuple[int, list[str]]]
) -> PublishedTable:
    rows: dict[str, Row] = {}
    ids: set[str] = set()
    faults: list[Fault] = []
    at = header.index(ID)
    for number, cells in records:
        where, said = f"{path}: row {number}", cells[at] if at < len(cells) else ""
        if not (said.isascii() and said.isdigit()):
            faults.append(Fault("", f"{where}, column ID: wanted a whole number, got {said!r}"))
            continue
        participant_id = str(int(said))
        ids.add(participant_id)
        if len(cells) != len(header):
            wrong = f"{where}: wanted {len(header)} cells, got {len(cells)}"
            faults.append(Fault(participant_id, wrong))
        elif participant_id in rows:
            first = rows[participant_id].number
            wrong = f"wanted a row per participant, got {said!r} as in row {first}"
            faults.append(Fault(participant_id, f"{where}, column ID: {wrong}"))
        else:
            by_column = dict(zip(header, cells, strict=True))
            rows[participant_id] = Row(number, participant_id, by_column)
    if not records:
        faults.append(Fault("", f"{path}: wanted a row per participant, got none"))
    return PublishedTable(path, header, tuple(rows.values()), frozenset(ids), tuple(faults))
