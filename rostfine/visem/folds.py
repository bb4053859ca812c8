"""Folds of participants: drawn once for a list of them, or the user's own."""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from rostfine.errors import FoldError, TableError
from rostfine.schemas import Table, read_table
from rostfine.visem.params import FoldsParams

FOLDS_FILE: Final = Table({"participant_id": "text", "fold": "integer"})


def make_participant_folds(
    participant_ids: Sequence[str],
    params: FoldsParams,
    *,
    base: Path,
    left_out: Collection[str] = (),
) -> dict[str, int]:
    """Return the fold, from 0 on, of each participant; `params.file` is relative to `base`.

    Those `left_out` for a fault may stand in the file. The order of `participant_ids` does not
    matter.

    Raises FoldError, a line each, for too few participants, or a file that does not fit them.
    """
    doubled = [one for one, times in Counter(participant_ids).items() if times > 1]
    if doubled:
        raise FoldError.of_faults([f"participant {one}: wanted once, got twice" for one in doubled])
    if len(participant_ids) < params.k:
        raise FoldError(
            "params.yaml: folds.k: wanted from 2 folds to as many as there are participants "
            f"({len(participant_ids)}), got {params.k}"
        )
    if params.file is not None:
        return _read(base / params.file, set(participant_ids), set(left_out), params.k)
    return _draw(participant_ids, params)


def _draw(participant_ids: Sequence[str], params: FoldsParams) -> dict[str, int]:
    ordered = sorted(participant_ids, key=_numbers_first)
    drawn = np.random.default_rng(params.seed).permutation(len(ordered))
    # Their sizes differ by one at most.
    parts = np.array_split(drawn, params.k)
    fold = {int(at): number for number, part in enumerate(parts) for at in part}
    return {one: fold[at] for at, one in enumerate(ordered)}


def _read(path: Path, wanted: set[str], left_out: set[str], k: int) -> dict[str, int]:
    try:
        table = read_table(path, FOLDS_FILE)
    except TableError as error:
        raise FoldError.of_faults(error.faults) from error
    faults: list[str] = []
    folds: dict[str, int] = {}
    said = zip(table["participant_id"], table["fold"], strict=True)
    for number, (one, fold) in enumerate(said, start=2):
        where = f"{path}: row {number}"
        if one in folds:
            faults.append(f"{where}, column participant_id: wanted each once, got {one!r} again")
        elif one not in wanted | left_out:
            faults.append(f"{where}, column participant_id: wanted a participant, got {one!r}")
        if not 0 <= fold < k:
            faults.append(f"{where}, column fold: wanted 0 to {k - 1}, got {fold}")
        folds.setdefault(str(one), int(fold))
    missing = sorted(wanted - set(folds), key=_numbers_first)
    faults += [f"{path}: wanted a fold for participant {one!r}, got none" for one in missing]
    kept = {one: fold for one, fold in folds.items() if one in wanted}
    empty = sorted(set(range(k)) - set(kept.values()))
    faults += [f"{path}: wanted participants in fold {fold}, got none" for fold in empty]
    if faults:
        raise FoldError.of_faults(faults)
    return kept


def _numbers_first(text: str) -> tuple[bool, int, str]:
    return not text.isdecimal(), int(text) if text.isdecimal() else 0, text
