"""The data set as it was published, read and checked as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import pandas as pd

from rostfine.errors import TableError
from rostfine.visem.faults import Fault, as_notices, ids_at_fault
from rostfine.visem.measured import NEEDED, read_numbers, read_targets
from rostfine.visem.published import PublishedTable, read_published
from rostfine.visem.targets import ALL_TARGETS
from rostfine.visem.videos import match_videos

SEMEN: Final = "semen_analysis_data.csv"
OTHERS: Final = (
    "participant_related_data.csv",
    "fatty_acids_serum.csv",
    "fatty_acids_spermatoza.csv",  # written so in the data set
    "sex_hormones.csv",
)
"""Tables that nothing is predicted from; they may be absent."""
MOST_IDS_SHOWN: Final = 10


@dataclass(frozen=True, eq=False)
class Dataset:
    """Usable participants, with the columns of PARTICIPANTS but `fold`, and what is wrong.

    `rows` counts the usable rows of each table that is there.
    """

    folder: Path
    participants: pd.DataFrame
    faults: tuple[Fault, ...]
    rows: Mapping[str, int]

    def with_faults(self, faults: tuple[Fault, ...]) -> "Dataset":
        """Return the data set without participants that `faults` make unusable."""
        bad = self.participants["participant_id"].isin(ids_at_fault(faults))
        left = self.participants[~bad].reset_index(drop=True)
        return replace(self, participants=left, faults=(*self.faults, *faults))


def read_dataset(folder: Path) -> Dataset:
    """Read the tables of `folder` and match them with the videos below it; open no video.

    Nothing is raised: what is wrong, all of it, is in `faults`.
    """
    semen = read_published(folder / SEMEN, NEEDED)
    targets, faults = read_targets(semen)
    others = [read_published(folder / name) for name in OTHERS if (folder / name).exists()]
    # Without the main table every video would be of no one, and say so.
    videos = match_videos(folder, semen.ids) if semen.ids else None
    none = _without_targets(semen, targets)
    faults = (*semen.faults, *faults, *none, *(videos.faults if videos else ()))
    frame = targets.assign(
        video=targets["participant_id"].map(videos.video_of if videos else {}).astype("string")
    )
    frame = frame[["participant_id", "video", *ALL_TARGETS]]
    is_usable = frame["video"].notna() & frame[list(ALL_TARGETS)].notna().any(axis=1)
    noted = tuple(fault for table in others for fault in _other_notices(table, semen))
    rows = {table.path.name: len(table.rows) for table in (semen, *others)}
    dataset = Dataset(folder, frame[is_usable].reset_index(drop=True), (), rows)
    return dataset.with_faults(faults).with_faults(noted)


def usable_participants(dataset: Dataset, on_bad_input: Literal["stop", "skip"]) -> pd.DataFrame:
    """Return the participants to go on with.

    Raises TableError with every fault if one is to stop at faults, or no participant is left.
    """
    wrong = [fault.line for fault in dataset.faults if not fault.is_notice]
    if wrong and (on_bad_input == "stop" or dataset.participants.empty):
        raise TableError.of_faults(wrong)
    if dataset.participants.empty:
        raise TableError(f"{dataset.folder}: wanted participants with a target, got none")
    return dataset.participants


def _without_targets(semen: PublishedTable, targets: pd.DataFrame) -> tuple[Fault, ...]:
    empty = set(targets.loc[targets[list(ALL_TARGETS)].isna().all(axis=1), "participant_id"])
    wrong = "wanted motility or morphology as a whole, got neither"
    return tuple(
        Fault(row.participant_id, f"{semen.path}: row {row.number}: {wrong}", is_notice=True)
        for row in semen.rows
        if row.participant_id in empty
    )


def _other_notices(table: PublishedTable, semen: PublishedTable) -> tuple[Fault, ...]:
    """Return what is wrong with a table that nothing is predicted from."""
    wrong = [*table.faults]
    for row in table.rows:
        wrong += read_numbers(table, row)[1]
    strange = [row.participant_id for row in table.rows if row.participant_id not in semen.ids]
    if strange and semen.ids:
        more = ", ..." if len(strange) > MOST_IDS_SHOWN else ""
        got = f"got {len(strange)} without: {', '.join(strange[:MOST_IDS_SHOWN])}{more}"
        line = f"{table.path}: wanted participants with a row in {SEMEN}, {got}"
        wrong.append(Fault("", line))
    return as_notices(tuple(wrong))
