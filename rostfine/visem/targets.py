"""What is predicted of a semen sample: two triples of percentages."""

from collections.abc import Mapping
from typing import Final, Literal

from rostfine.visem.tables import MORPHOLOGY_COLUMNS, MOTILITY_COLUMNS

TargetName = Literal["motility", "morphology"]

TARGETS: Final[Mapping[TargetName, tuple[str, str, str]]] = {
    "motility": MOTILITY_COLUMNS,
    "morphology": MORPHOLOGY_COLUMNS,
}
"""Columns, in the order of a model's outputs."""
PUBLISHED: Final[Mapping[str, str]] = {
    "progressive_pct": "Progressive motility (%)",
    "non_progressive_pct": "Non progressive sperm motility (%)",
    "immotile_pct": "Immotile sperm (%)",
    "head_pct": "Head defects (%)",
    "midpiece_pct": "Midpiece and neck defects (%)",
    "tail_pct": "Tail defects (%)",
}
"""The same in the tables of the data set."""
WORDS: Final[Mapping[str, str]] = {
    "progressive_pct": "progressive",
    "non_progressive_pct": "non-progressive",
    "immotile_pct": "immotile",
    "head_pct": "head defects",
    "midpiece_pct": "midpiece and neck defects",
    "tail_pct": "tail defects",
}
ALL_TARGETS: Final = tuple(PUBLISHED)
