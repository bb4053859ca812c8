"""What the laboratory measured: the percentages of each participant, and whether they can be."""

import math
from collections.abc import Iterator
from typing import Final

import pandas as pd

from rostfine.visem.faults import Fault
from rostfine.visem.published import ID, PublishedTable, Row, to_number
from rostfine.visem.targets import ALL_TARGETS, PUBLISHED, TARGETS

COLUMNS: Final = (
    ID,
    "Sperm concentration (x10⁶/mL)",
    "Total sperm count (x10⁶)",
    "Ejaculate volume (mL)",
    "Sperm vitality (%)",
    "Normal spermatozoa (%)",
    "Head defects (%)",
    "Midpiece and neck defects (%)",
    "Tail defects (%)",
    "Cytoplasmic droplet (%)",
    "Teratozoospermia index",
    "Progressive motility (%)",
    "Non progressive sperm motility (%)",
    "Immotile sperm (%)",
    "High DNA stainability, HDS (%)",
    "DNA fragmentation index, DFI (%)",
)
"""Of semen_analysis_data.csv."""
NEEDED: Final = (ID, *PUBLISHED.values())
ROUNDING: Final = 1.5
"""How far a sum of three percentages, each rounded to a whole one, may be from 100."""


def read_targets(table: PublishedTable) -> tuple[pd.DataFrame, tuple[Fault, ...]]:
    """Return participant_id and the six percentages of each row, and what is wrong with them.

    Where one percentage of a target is missing all three are NaN.
    """
    faults = [*_column_notices(table)]
    rows = []
    for row in table.rows:
        values, wrong = _read_row(table, row)
        faults += wrong
        rows.append({"participant_id": row.participant_id, **_whole_targets(values)})
    frame = pd.DataFrame(rows, columns=["participant_id", *ALL_TARGETS])
    types = {"participant_id": "string", **dict.fromkeys(ALL_TARGETS, "float64")}
    return frame.astype(types), tuple(faults)


def read_numbers(table: PublishedTable, row: Row) -> tuple[dict[str, float], tuple[Fault, ...]]:
    """Return the value of each cell that is a number, or is not reported, by published column."""
    values: dict[str, float] = {}
    faults = []
    for column, cell in row.cells.items():
        if column == ID:
            continue
        try:
            values[column] = to_number(cell)
        except ValueError:
            wanted = f"wanted a number with a decimal comma, or 'Not reported', got {cell!r}"
            line = f"{table.path}: row {row.number}, column {column}: {wanted}"
            faults.append(Fault(row.participant_id, line, is_notice=column not in NEEDED))
    return values, tuple(faults)


def _column_notices(table: PublishedTable) -> Iterator[Fault]:
    if not table.rows:
        return
    for name in COLUMNS:
        if name not in table.columns and name not in NEEDED:
            line = f"{table.path}: row 1: wanted a column {name!r}, got none"
            yield Fault("", line, is_notice=True)
    for name in table.columns:
        if name not in COLUMNS:
            line = f"{table.path}: row 1: wanted the published columns, got also {name!r}"
            yield Fault("", line, is_notice=True)


def _read_row(table: PublishedTable, row: Row) -> tuple[dict[str, float], list[Fault]]:
    """Return the six percentages, NaN where there is none, and the faults of all cells."""
    values, unreadable = read_numbers(table, row)
    where = f"{table.path}: row {row.number}"
    faults = [*unreadable]
    for column, value in values.items():
        is_target = column in NEEDED
        if "(%)" in column and (value < 0 or value > 100):
            line = f"{where}, column {column}: wanted 0 to 100, got {row.cells[column]!r}"
            faults.append(Fault(row.participant_id, line, is_notice=not is_target))
        if is_target and math.isnan(value):
            line = f"{where}, column {column}: wanted a percentage, got {row.cells[column]!r}"
            faults.append(Fault(row.participant_id, line, is_notice=True))
    targets = {name: values.get(PUBLISHED[name], math.nan) for name in ALL_TARGETS}
    total = sum(targets[name] for name in TARGETS["motility"])
    if abs(total - 100) > ROUNDING:
        columns = ", ".join(PUBLISHED[name] for name in TARGETS["motility"])
        line = f"{where}, columns {columns}: wanted a sum of 100, got {total:g}"
        faults.append(Fault(row.participant_id, line))
    return targets, faults


def _whole_targets(values: dict[str, float]) -> dict[str, float]:
    whole = {}
    for names in TARGETS.values():
        is_whole = not any(math.isnan(values[name]) for name in names)
        whole.update({name: values[name] if is_whole else math.nan for name in names})
    return whole
