"""Reading votes: every file of a folder, only ever appended to."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from rostfine.errors import RostfineError, VoteError
from rostfine.schemas import GRADES, VOTES, read_table


def read_votes(folder: Path, known_samples: Collection[str]) -> pd.DataFrame:
    """Read all `*.csv` and `*.parquet` of `folder` in the order of their names.

    Raises VoteError with a line for each fault of each file: a malformed table, an unknown grade, a
    vote for a sample that is not in `known_samples`.
    """
    paths = sorted(p for p in folder.glob("*") if p.suffix in {".csv", ".parquet"})
    if not paths:
        raise VoteError(f"{folder}: no votes; wanted at least one .csv or .parquet file")
    parts, faults = [], list[str]()
    for path in paths:
        try:
            votes = read_table(path, VOTES)
        except RostfineError as error:
            faults += str(error).splitlines()
            continue
        faults += _faults(path, votes, frozenset(known_samples))
        parts.append(votes[list(VOTES.columns)])
    if faults:
        raise VoteError.of_faults(faults)
    return pd.concat(parts, ignore_index=True)


def last_votes(votes: pd.DataFrame) -> pd.DataFrame:
    """Keep the last vote of each expert on each sample; of equal times the one read last."""
    in_time = votes.sort_values("voted_at", kind="stable")
    return in_time.drop_duplicates(["sample_id", "expert_id"], keep="last").reset_index(drop=True)


def _faults(path: Path, votes: pd.DataFrame, known: frozenset[str]) -> list[str]:
    unknown_grade = ~votes["grade"].isin(GRADES)
    unknown_sample = ~votes["sample_id"].isin(known)
    return [
        f"{path}: row {row + 2}: unknown grade {votes['grade'].iloc[row]!r}; wanted one of A to E"
        for row in np.flatnonzero(unknown_grade)
    ] + [
        f"{path}: row {row + 2}: vote for unknown sample {votes['sample_id'].iloc[row]!r}; "
        "wanted one of data/tags.csv"
        for row in np.flatnonzero(unknown_sample)
    ]
