"""The numbers that the papers print, from `rostfine_paper.yaml` and `emd_paper.yaml`."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

from rostfine.params import ExperimentParams
from rostfine.parsing import flatten, plain

Paper = Literal["rostfine", "emd"]
Numbers = Mapping[str, Mapping[str, Sequence[float]]]
"""By row and column: a mean, or a mean and a standard deviation."""


def printed(paper: Paper, item: str) -> Numbers:
    """Return what a paper prints in `item` ("table_2")."""
    numbers: Numbers = _read(paper)[item]
    return numbers


def printed_of(experiments: Mapping[str, ExperimentParams], item: str) -> Numbers:
    """Return what the RoSTFine paper prints in `item` of the experiments that are its rows.

    They have the name of a row, and the settings by which it is known there: `rows` of the file.
    """
    known = _read("rostfine")["rows"][item]
    return {
        row: numbers
        for row, numbers in printed("rostfine", item).items()
        if row in experiments and _has(experiments[row], known[row])
    }


def _has(experiment: ExperimentParams, settings: Mapping[str, Any]) -> bool:
    return flatten(plain(experiment)).items() >= flatten(settings).items()


@cache
def _read(paper: Paper) -> Any:
    return yaml.safe_load(
        files("rostfine.studies.papers").joinpath(f"{paper}_paper.yaml").read_text()
    )
