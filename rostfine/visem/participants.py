"""Who can be used of a data set, and the fold of each."""

import logging
from collections import defaultdict
from pathlib import Path

import pandas as pd

from rostfine.visem.check import check_dataset
from rostfine.visem.dataset import usable_participants
from rostfine.visem.faults import Fault, ids_at_fault
from rostfine.visem.folds import make_participant_folds
from rostfine.visem.params import VisemParams

logger = logging.getLogger(__name__)


def list_participants(params: VisemParams) -> pd.DataFrame:
    """Check the data set and return its usable participants as PARTICIPANTS has them.

    What is odd is logged, a line each, and so is what is at fault where that is to be skipped.
    Raises TableError with a line for each fault where it is not, or where nobody is left, and
    FoldError for folds that do not fit.
    """
    folder = Path(params.data.folder)
    dataset = check_dataset(folder, open_videos=True).dataset
    table = usable_participants(dataset, params.data.on_bad_input)
    for line in _short(dataset.faults):
        logger.warning("%s", line)
    ids = list(table["participant_id"])
    left_out = ids_at_fault(dataset.faults)
    folds = make_participant_folds(ids, params.folds, base=Path(), left_out=left_out)
    return table.assign(fold=[folds[one] for one in ids])


def _short(faults: tuple[Fault, ...]) -> list[str]:
    """Return a line for each kind of notice, with how many there are, and for each fault."""
    alike = defaultdict[str, list[str]](list)
    for fault in faults:
        where, _, what = fault.line.partition(": ")
        alike[what if fault.is_notice else fault.line].append(where)
    return [
        f"{what} ({len(where)} times, first in {where[0]})"
        if len(where) > 1
        else (f"{where[0]}: {what}" if not what.startswith(where[0]) else what)
        for what, where in alike.items()
    ]
