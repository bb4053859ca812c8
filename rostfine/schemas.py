"""The tables that pass between a lab and the pipeline, and between its stages.

`docs/data.md` says in prose what each column means; this module is what the code checks against.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from rostfine.errors import TableError
from rostfine.files import written_whole

GRADES: Final = ("A", "B", "C", "D", "E")
"""From best to worst."""

OK: Final = "ok"
LOST: Final = "lost"
FAILED: Final = "failed"
"""Status of a clip: usable; its sperm was lost on the way; its video or tag was unusable."""

TAGGED: Final = "tagged"
SEEN: Final = "seen"
UNSEEN: Final = "unseen"
DOUBTFUL: Final = "doubtful"
"""Status of a frame of a track; where unseen, its place is presumed; where doubtful, it may show
another sperm."""

GRADE_COLUMNS: Final = tuple(f"p_{grade}" for grade in GRADES)


@dataclass(frozen=True)
class Table:
    """What a table must hold: `columns` maps names to `text`, `integer`, `number`, or `time`.

    An `optional` column may be absent, and its cells may be empty.
    """

    columns: Mapping[str, str]
    key: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()


TAGS = Table(
    {
        "sample_id": "text",
        "video_id": "text",
        "frame": "integer",
        "x_px": "number",
        "y_px": "number",
    },
    key=("sample_id",),
)
VIDEOS = Table(
    {"video_id": "text", "patient_id": "text", "um_per_px": "number", "acquired_at": "time"},
    key=("video_id",),
    optional=frozenset({"um_per_px", "acquired_at"}),
)
VOTES = Table({"sample_id": "text", "expert_id": "text", "grade": "text", "voted_at": "time"})
CLIPS = Table(
    {
        "sample_id": "text",
        "video_id": "text",
        "patient_id": "text",
        "path": "text",
        "content_key": "text",
        "frame_rate_hz": "number",
        "speed_px_s": "number",
        "speed_um_s": "number",
        "score_mean": "number",
        "score_min": "number",
        "status": "text",
        "reason": "text",
    },
    key=("sample_id",),
    optional=frozenset(
        {
            "path",
            "content_key",
            "frame_rate_hz",
            "speed_px_s",
            "speed_um_s",
            "score_mean",
            "score_min",
            "reason",
        }
    ),
)
TRACKS = Table(
    {
        "sample_id": "text",
        "frame": "integer",
        "time_s": "number",
        "x_px": "number",
        "y_px": "number",
        "score": "number",
        "status": "text",
    },
    key=("sample_id", "frame"),
    optional=frozenset({"time_s"}),
)
_MEASURES = (
    "vcl_px_s",
    "vsl_px_s",
    "vap_px_s",
    "progress_px_s",
    "vcl_um_s",
    "vsl_um_s",
    "vap_um_s",
    "progress_um_s",
    "lin",
    "str",
    "wob",
    "alh_px",
    "alh_max_px",
    "alh_um",
    "alh_max_um",
    "bcf_hz",
    "mad_deg",
)
MOTILITY = Table(
    {
        "sample_id": "text",
        "frames": "integer",
        "duration_s": "number",
        **dict.fromkeys(_MEASURES, "number"),
        "stands": "integer",
        "who_class": "text",
    },
    key=("sample_id",),
    optional=frozenset({"duration_s", *_MEASURES, "who_class"}),
)
IMAGES = Table(
    {
        "sample_id": "text",
        "patient_id": "text",
        "brightness": "number",
        "contrast": "number",
        "sharpness": "number",
    },
    key=("sample_id",),
)
LABELS = Table(
    {
        "sample_id": "text",
        **dict.fromkeys(GRADE_COLUMNS, "number"),
        "n_votes": "integer",
        "mode": "text",
        "mean": "number",
        "sd": "number",
        "entropy": "number",
        "agreement": "number",
    },
    key=("sample_id",),
)
FOLDS = Table({"sample_id": "text", "fold": "integer"}, key=("sample_id",))
PREDICTIONS = Table(
    {"sample_id": "text", "fold": "integer", **dict.fromkeys(GRADE_COLUMNS, "number")},
    key=("sample_id",),
)


def read_table(path: Path, table: Table) -> pd.DataFrame:
    """Read a CSV or Parquet table and check it; columns that `table` does not name are kept.

    Raises TableError naming the file, the row (counted as an editor shows it), the column, what
    was wanted and what was found; every fault of the file is in the one error.
    """
    frame = _read(path, table)
    missing = [name for name in table.columns if name not in frame and name not in table.optional]
    if missing:
        wanted, found = ", ".join(table.columns), ", ".join(map(str, frame.columns))
        hint = "; columns are separated by commas here" if ";" in found else ""
        raise TableError(
            f"{path}: no column {', '.join(missing)}; wanted {wanted}; found {found}{hint}"
        )
    faults: list[str] = []
    for name, kind in table.columns.items():
        if name in frame:
            converted = _CONVERT[kind](frame[name])
            bad = converted.isna()
            if bad.any():
                bad &= ~_may_be_empty(frame[name], name in table.optional)
            faults += [
                _cell_fault(path, frame, int(row), name, kind) for row in np.flatnonzero(bad)
            ]
            frame[name] = converted
    faults += _doubled_keys(path, frame, table.key) if not faults else []
    if faults:
        raise TableError.of_faults(faults)
    return frame


def write_table(path: Path, frame: pd.DataFrame, table: Table) -> None:
    """Write the columns of `table` as Parquet, whole or not at all."""
    with written_whole(path, durable=True) as beside:
        frame[list(table.columns)].to_parquet(beside, index=False)


def typed(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Return a frame that was made here with the types that `read_table` gives its columns."""
    return frame.astype({name: _DTYPES[kind] for name, kind in table.columns.items()})


def no_rows(table: Table) -> pd.DataFrame:
    """Return a frame with the columns of `table` and nothing in it."""
    return typed(pd.DataFrame(columns=list(table.columns)), table)


_DTYPES = {"text": "string", "integer": "int64", "number": "float64", "time": "datetime64[us, UTC]"}


def _read(path: Path, table: Table) -> pd.DataFrame:
    if not path.exists():
        raise TableError(f"{path}: no such file; wanted a table with {', '.join(table.columns)}")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        # Everything is read as text, so that a wrong cell can be named with its row.
        with warnings.catch_warnings():
            # Rows longer than the header would otherwise be cut, with a warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                path, dtype=str, keep_default_na=False, skipinitialspace=True, index_col=False
            )
    except (pd.errors.ParserWarning, ValueError, OSError, UnicodeDecodeError) as error:
        raise TableError(f"{path}: not a readable table: {' '.join(str(error).split())}") from error


def _as_text(column: pd.Series) -> pd.Series:
    text = column.astype("string").str.strip()
    return text.mask(text == "")


def _as_number(column: pd.Series) -> pd.Series:
    return (
        pd.to_numeric(column, errors="coerce").astype("float64").replace([np.inf, -np.inf], np.nan)
    )


def _as_integer(column: pd.Series) -> pd.Series:
    number = _as_number(column)
    whole = number.mask(number != number.round())
    return whole if whole.isna().any() else whole.astype("int64")


def _as_time(column: pd.Series) -> pd.Series:
    # `utc` lets a table mix zones; a time without one counts as UTC.
    return pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")


_CONVERT: Mapping[str, Callable[[pd.Series], pd.Series]] = {
    "text": _as_text,
    "integer": _as_integer,
    "number": _as_number,
    "time": _as_time,
}


def _may_be_empty(column: pd.Series, optional: bool) -> pd.Series:
    empty = column.isna() | (column.astype("string").str.strip() == "").fillna(value=False)
    return empty if optional else pd.Series(False, index=column.index)


def _cell_fault(path: Path, frame: pd.DataFrame, row: int, name: str, kind: str) -> str:
    found = frame[name].iloc[row]
    return f"{path}: row {row + 2}, column {name}: wanted {_WANTED[kind]}, got {str(found)!r}"


_WANTED = {
    "text": "a text",
    "integer": "a whole number",
    "number": "a number",
    "time": "a time like 2026-05-01T09:30:00Z",
}


def _doubled_keys(path: Path, frame: pd.DataFrame, key: tuple[str, ...]) -> list[str]:
    doubled = frame.duplicated(list(key), keep="first") if key else pd.Series(dtype=bool)
    if not doubled.any():
        return []
    rows = frame.loc[doubled, list(key)].astype(str).agg(", ".join, axis=1)
    return [
        f"{path}: row {row + 2}: {', '.join(key)} {value!r} occurs twice"
        for row, value in zip(np.flatnonzero(doubled), rows, strict=True)
    ]
