"""The numbers that the papers print, from `rostfine_paper.yaml` and `emd_paper.yaml`."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

Numbers = Mapping[str, Mapping[str, Sequence[float]]]
"""By row and column: a mean, or a mean and a standard deviation."""


@cache
def printed(paper: Literal["rostfine", "emd"], item: str) -> Numbers:
    """Return what a paper prints in `item` ("table_2")."""
    content: Any = yaml.safe_load(
        files("rostfine.studies").joinpath(f"{paper}_paper.yaml").read_text()
    )
    numbers: Numbers = content[item]
    return numbers
