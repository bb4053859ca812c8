"""Reading votes: every file of a folder, only ever appended to."""

import logging
from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pandas as pd

from rostfine.errors import TableError, VoteError
from rostfine.labels.ledger import Accepted, ledger_of, vote_files
from rostfine.schemas import GRADES, VOTES, Table, read_table, typed

log = logging.getLogger(__name__)

AS_TEXT: Final = Table(dict.fromkeys(VOTES.columns, "text"), optional=frozenset(VOTES.columns))
"""Any table of votes, whatever is wrong in it."""


def read_votes(folder: Path, known_samples: Collection[str]) -> pd.DataFrame:
    """Read all `*.csv` and `*.parquet` of `folder` in the order of their names.

    Where batches are collected, of what was not accepted nothing is read.

    Raises VoteError with a line for each fault of each file, as `read_batch` finds them.
    """
    ledger = ledger_of(folder)
    parts, faults = [], list[str]()
    for path in vote_files(folder):
        if ledger is not None and path.name not in ledger:
            log.warning("%s: left out until it is collected ('rostfine votes collect')", path)
            continue
        try:
            accepted = ledger[path.name] if ledger else None
            parts.append(_read_accepted(path, accepted, known_samples))
        except VoteError as error:
            faults += error.faults
    if faults:
        raise VoteError.of_faults(faults)
    if not parts:
        raise VoteError(f"{folder}: no votes; wanted at least one .csv or .parquet file")
    return pd.concat(parts, ignore_index=True)


def read_batch(path: Path, known_samples: Collection[str]) -> pd.DataFrame:
    """Read one file of votes, whole or not at all: the columns of `schemas.VOTES`.

    Raises VoteError with a line for each fault: a malformed table, an unknown grade, a vote for a
    sample that is not in `known_samples`.
    """
    faults = list[str]()
    try:
        votes = read_table(path, VOTES)
    except TableError as error:
        faults, votes = error.faults, _readable(path)
    faults += _faults(path, votes, frozenset(known_samples))
    if faults:
        raise VoteError.of_faults(faults)
    return typed(votes[list(VOTES.columns)], VOTES)


def last_votes(votes: pd.DataFrame) -> pd.DataFrame:
    """Keep the last vote of each expert on each sample; of equal times the one read last."""
    in_time = votes.sort_values("voted_at", kind="stable")
    return in_time.drop_duplicates(["sample_id", "expert_id"], keep="last").reset_index(drop=True)


def _read_accepted(
    path: Path, accepted: Accepted | None, known_samples: Collection[str]
) -> pd.DataFrame:
    """Read a file as far as it was accepted; what was appended since waits for the next time."""
    if accepted is None or path.stat().st_size <= accepted.n_bytes:
        return read_batch(path, known_samples)
    with TemporaryDirectory(prefix="rostfine-") as made, path.open("rb") as file:
        as_it_was = Path(made) / path.name
        as_it_was.write_bytes(file.read(accepted.n_bytes))
        return read_batch(as_it_was, known_samples)


def _readable(path: Path) -> pd.DataFrame:
    """Read what there is of a faulty table, so that all its faults can be told at once."""
    try:
        return read_table(path, AS_TEXT).reindex(columns=list(VOTES.columns))
    except TableError:
        return pd.DataFrame(columns=list(VOTES.columns))


def _faults(path: Path, votes: pd.DataFrame, known: frozenset[str]) -> list[str]:
    # An empty cell is a fault of the table, and told as such.
    unknown_grade = votes["grade"].notna() & ~votes["grade"].isin(GRADES)
    unknown_sample = votes["sample_id"].notna() & ~votes["sample_id"].isin(known)
    return [
        f"{path}: row {row + 2}: unknown grade {votes['grade'].iloc[row]!r}; wanted one of A to E"
        for row in np.flatnonzero(unknown_grade)
    ] + [
        f"{path}: row {row + 2}: vote for unknown sample {votes['sample_id'].iloc[row]!r}; "
        "wanted one of data/tags.csv"
        for row in np.flatnonzero(unknown_sample)
    ]
