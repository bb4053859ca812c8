"""Who voted what on a sample, and when; and which of these votes count."""

import logging
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from rostfine.errors import VoteError
from rostfine.labels.ledger import VOTES_FOLDER, read_ledger, vote_files
from rostfine.labels.votes import last_votes, read_batch
from rostfine.schemas import VOTES, no_rows
from rostfine.tracking.tags import read_tags

logger = logging.getLogger(__name__)


def vote_history(workspace: Path, sample_id: str) -> pd.DataFrame:
    """Return all votes on a sample, in time: those of accepted files and of files yet to be.

    Columns: `voted_at`, `expert_id`, `grade`, `batch` (the file), `counts` (whether it is the last
    one of its expert). A file that would be rejected is left out, with a warning.

    Raises VoteError for a sample that is not tagged, naming those with similar names.
    """
    tags = workspace / "data" / "tags.csv"
    samples = frozenset(tag.sample_id for tag in read_tags(tags))
    if sample_id not in samples:
        raise VoteError(f"{tags}: no sample {sample_id!r}{_hint(sample_id, samples)}")
    votes = _votes(workspace, samples)
    votes = votes[votes["sample_id"] == sample_id].reset_index(drop=True)
    votes["row"] = votes.index
    votes["counts"] = votes["row"].isin(last_votes(votes)["row"])
    in_time = votes.sort_values("voted_at", kind="stable", ignore_index=True)
    return in_time[["voted_at", "expert_id", "grade", "batch", "counts"]]


def _votes(workspace: Path, samples: frozenset[str]) -> pd.DataFrame:
    ledger = read_ledger(workspace)
    parts = [no_rows(VOTES).assign(batch=pd.Series(dtype="string"))]
    for path in vote_files(workspace / VOTES_FOLDER):
        try:
            parts.append(read_batch(path, samples).assign(batch=path.name))
        except VoteError as error:
            if path.name in ledger:
                raise
            logger.warning("left out: %s (faults: %d)", error.faults[0], len(error.faults))
    return pd.concat(parts, ignore_index=True)


def _hint(sample_id: str, samples: Iterable[str]) -> str:
    near = get_close_matches(sample_id, sorted(samples))
    return f"; similar: {', '.join(near)}" if near else ""
