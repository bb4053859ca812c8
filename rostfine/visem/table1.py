"""Table 1 of the paper: mean absolute errors of every input in every fold, beside those it prints.

What is known of the paper's own numbers is said below the table (`NOTES`).
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import pandas as pd
import yaml

from rostfine.evaluation.tables import ZERO_R
from rostfine.studies.tables import PaperTable, cell
from rostfine.visem.compare import Comparison
from rostfine.visem.metrics import ALL, STACK
from rostfine.visem.params import INPUTS
from rostfine.visem.targets import TARGETS

TITLE: Final = "Mean absolute error of each input, in percentage points"
DIGITS: Final = 3
NOTES: Final = (
    "MAE: mean over the stacks of a fold and three outputs. Average: mean of the folds, with its "
    "95 % interval, participants resampled",
    f"{ZERO_R}: the mean of the training folds as the prediction, once for each participant",
    f"The paper's I1 and I2 average 13.017 on motility, what {ZERO_R} has on the same 85 "
    "participants (12.92 on average, 12.78 to 13.39 over random folds): as if they had learnt "
    f"nothing. Its morphology, 5.61 to 5.78, is at most 0.35 below {ZERO_R} (5.95)",
    "The paper's folds may all be one: its published code trains on folds 2 and 3 and tests on "
    "fold 1, whichever is asked for. Its motility differs by 0.07 to 0.56 between folds, where "
    f"{ZERO_R} typically differs by 2.26; that fits, but is no proof",
)
PAPER_NOTE: Final = "* As the paper prints it: its folds were never published"


class Table1(PaperTable):
    """A table whose paper had other folds, not other sperm."""

    @property
    def all_notes(self) -> tuple[str, ...]:
        """Return what stands below it."""
        return (*self.notes, PAPER_NOTE)


@cache
def printed() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """Return what the paper prints, by target and input: `folds`, a list, and their `average`."""
    text = files("rostfine.visem").joinpath("paper.yaml").read_text()
    numbers: Mapping[str, Mapping[str, Mapping[str, Any]]] = yaml.safe_load(text)
    return numbers


def tabulate(comparison: Comparison) -> PaperTable:
    """Make the table: a row for each input and fold, ZeroR last; folds are counted from 1.

    What was not predicted is empty, beside what the paper prints of it.
    """
    maes = {
        (str(target), str(name)): dict(
            zip(rows["fold"].tolist(), rows["mae"].tolist(), strict=True)
        )
        for (target, name), rows in comparison.folds.groupby(["target", "input"])
    }
    count = 1 + int(comparison.folds["fold"].max())
    lines = [
        line
        for name in (*INPUTS, ZERO_R)
        for place in range(count)
        for target in TARGETS
        for line in _cells(comparison, maes.get((target, name), {}), (target, name), place)
    ]
    heads = {line["column"]: DIGITS for line in lines}
    return Table1("table1", TITLE, pd.DataFrame(lines), heads, (*NOTES, *_spreads(maes)), "Input")


def _cells(
    comparison: Comparison, maes: Mapping[int, float], of: tuple[str, str], place: int
) -> Iterator[dict[str, Any]]:
    """The error in one fold, and in the row of the first the average, as the paper has it."""
    target, name = of
    row, head = f"{name}, fold {place + 1}", target.capitalize()
    paper = printed()[target].get(name, {"folds": [], "average": None})
    mae = maes.get(place, float("nan"))
    yield cell(row, f"{head} MAE", mae, paper=paper["folds"][place : place + 1])
    if place == 0:
        average = comparison.metric(target, name, (STACK, "mae", ALL)) if maes else None
        yield cell(
            row,
            f"{head} average",
            average.mean if average else float("nan"),
            limits=(average.low, average.high) if average else (),
            paper=() if paper["average"] is None else (paper["average"],),
        )


def _spreads(maes: Mapping[tuple[str, str], Mapping[int, float]]) -> Iterator[str]:
    for target in TARGETS:
        said = [
            f"{name} {max(found.values()) - min(found.values()):.2f}"
            for (of, name), found in maes.items()
            if of == target
        ]
        if said:
            yield f"Largest less smallest fold here, {target}: {', '.join(said)}"
