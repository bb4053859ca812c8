"""The table of experiments and splits: how well heads are found, outlined and called."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from rostfine.evaluation.statistics import Interval
from rostfine.morphology.evaluating import AS_PUBLISHED, over_pictures
from rostfine.morphology.heads import VALIDATION
from rostfine.morphology.metrics import Evaluation
from rostfine.morphology.params import MorphologyParams
from rostfine.morphology.quality import Rate
from rostfine.studies.tables import PaperTable, cell

Evaluations = Mapping[str, Mapping[str, Evaluation]]
"""By experiment and split."""
TITLE: Final = "Heads found, outlined and called good or bad"
APS: Final[Mapping[str, str]] = {
    "mask_ap": "AP, masks",
    "mask_ap50": "AP50",
    "mask_ap75": "AP75",
    "box_ap": "AP, boxes",
}
RATES: Final = ("sensitivity", "specificity", "accuracy")
PRINTED_MAP: Final = 0.8908
NOTES: Final = (
    "Brackets are 95 % intervals: of sensitivity, specificity and accuracy by Wilson, heads taken "
    "for independent; of the others over pictures",
    "Validation pictures chose the epoch, which flatters what is found in them; test pictures "
    "chose nothing",
)
PAPER_NOTE: Final = (
    "* As its page prints it: the best of 300 epochs on the pictures that chose it, which are not "
    "these; its own code gave 0.8817 on 260 pictures"
)
DIGITS: Final = 3


class HeadTable(PaperTable):
    """A table beside which stands what was published, of other pictures."""

    @property
    def all_notes(self) -> tuple[str, ...]:
        """Return what stands below it."""
        return (*self.notes, PAPER_NOTE)


def tabulate(
    evaluations: Evaluations, numbers: Mapping[str, float], params: MorphologyParams
) -> PaperTable:
    """Make the table of experiments and splits; `numbers` are all, as for JSON."""
    lines = [
        line
        for name, of_split in evaluations.items()
        for split, one in of_split.items()
        for line in _cells(
            (name, split), one, numbers.get(f"{name}.{split}.{AS_PUBLISHED}"), params
        )
    ]
    digits = {line["column"]: DIGITS for line in lines}
    return HeadTable("metrics", TITLE, pd.DataFrame(lines), digits, NOTES, "Pictures")


def _cells(
    of: tuple[str, str], one: Evaluation, twice: float | None, params: MorphologyParams
) -> Iterator[dict[str, Any]]:
    """One row: APs, what is found, and whether it is rightly called good or bad."""
    row, flat = ", ".join(of), one.flat()
    paper = (PRINTED_MAP,) if of[1] == VALIDATION else ()
    published, found = over_pictures(one, params.evaluate)
    for name, head in APS.items():
        yield cell(row, head, flat[name])
    yield _cell(row, "mAP as published", published, flat["published_map"], paper)
    if twice is not None:
        yield cell(row, "mAP, mean twice", twice)
    yield _cell(row, "Heads found", found, flat["found_share"])
    for name in RATES:
        rate: Rate = getattr(one.quality, name)
        yield _cell(row, name.capitalize(), rate.wilson)
    yield _cell(row, "Balanced accuracy", one.quality.balanced_accuracy)
    yield cell(row, "ECE", one.ece)


def _cell(
    row: str,
    head: str,
    found: Interval | None,
    value: float = math.nan,
    paper: Sequence[float] = (),
) -> dict[str, Any]:
    limits = (found.low, found.high) if found else ()
    return cell(row, head, found.mean if found else value, limits=limits, paper=paper)
