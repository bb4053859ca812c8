"""A data set in numbers."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from rostfine.errors import FoldError, VideoError
from rostfine.visem.check import Check
from rostfine.visem.faults import ids_at_fault
from rostfine.visem.folds import make_participant_folds
from rostfine.visem.params import FoldsParams
from rostfine.visem.targets import TARGETS, TargetName
from rostfine.visem.video_names import parse_video_name
from rostfine.visem.zero_r import zero_r_mae

FOLDS: Final = FoldsParams(method="random", file=None, k=3, seed=0)
"""Three as in the paper; whose they were was not published."""


@dataclass(frozen=True)
class TargetSummary:
    """Of the participants that have the target; None where there are too few to tell."""

    participants: int
    mean_pct: Mapping[str, float | None]
    sd_pct: Mapping[str, float | None]
    zero_r_mae_pct: float | None


@dataclass(frozen=True)
class Summary:
    """What `rostfine visem check` ends with."""

    participants: int  # usable
    participants_at_fault: int
    table_rows: Mapping[str, int]
    video_hours: float | None
    assessors: Mapping[str, int]
    targets: Mapping[TargetName, TargetSummary]


def summarize(check: Check, folds: FoldsParams = FOLDS, *, base: Path = Path()) -> Summary:
    """Count and average a data set; without enough participants for `folds` ZeroR is None.

    Raises FoldError for a file of folds that does not fit the participants.
    """
    dataset = check.dataset
    table, bad = dataset.participants, ids_at_fault(dataset.faults)
    ids = table["participant_id"].astype(str).tolist()
    is_enough = len(ids) >= folds.k
    drawn = make_participant_folds(ids, folds, base=base, left_out=bad) if is_enough else {}
    return Summary(
        participants=len(table),
        participants_at_fault=len(bad),
        table_rows=dataset.rows,
        video_hours=None if math.isnan(check.video_s) else check.video_s / 3600,
        assessors=_assessors(table),
        targets={target: _target(table, target, drawn) for target in TARGETS},
    )


def _assessors(table: pd.DataFrame) -> dict[str, int]:
    said = Counter[str]()
    for video in table["video"]:
        said[_assessor(video) or "unknown"] += 1
    return dict(said.most_common())


def _assessor(video: str) -> str:
    # A listed video may have any name.
    try:
        return parse_video_name(video).assessor
    except VideoError:
        return ""


def _target(table: pd.DataFrame, target: TargetName, folds: Mapping[str, int]) -> TargetSummary:
    reported = table[list(TARGETS[target])].dropna()
    try:
        mae_pct = zero_r_mae(table, target, folds)
    except FoldError:
        mae_pct = None
    return TargetSummary(
        len(reported), _told(reported.mean()), _told(reported.std(ddof=1)), mae_pct
    )


def _told(values: pd.Series) -> dict[str, float | None]:
    return {str(name): None if math.isnan(value) else value for name, value in values.items()}
