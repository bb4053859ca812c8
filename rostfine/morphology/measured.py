"""The measures of found heads beside those of the true ones."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd

from rostfine.morphology.contour import is_cut
from rostfine.morphology.heads import Instance, Picture
from rostfine.morphology.matching import Pair, match_heads, paired
from rostfine.morphology.measures import is_head, measure
from rostfine.morphology.params import DataParams, Roles
from rostfine.morphology.quality import MISSED

MEASURED: Final = ("length", "width_to_length", "ellipticity")
MEASURED_COLUMNS: Final = ("picture_id", "truth", "found", "measure", "true", "measured")


def measure_heads(
    truth: Sequence[Picture], found: Sequence[Picture], data: DataParams, iou: float
) -> pd.DataFrame:
    """Measure each true head and what was found of it: MEASURED_COLUMNS, by a row each.

    `measured` is NaN where it was missed. Lengths are in um where that scale is known, else in px.
    Heads that reach beyond their picture, or of which only a box is known, are left out.
    """
    roles = {name: one.role for name, one in data.classes.items()}
    rows = [
        (pair[0].picture_id, true.class_name, said.class_name if said else MISSED, *values)
        for pair in paired(truth, found)
        for true, said in _met(pair, roles, iou)
        for values in _values(true, said, roles, data)
    ]
    return pd.DataFrame(rows, columns=list(MEASURED_COLUMNS))


def _met(pair: Pair, roles: Roles, iou: float) -> Iterator[tuple[Instance, Instance | None]]:
    """Yield each true head that is whole and outlined, with what was found of it."""
    true, said = ([one for one in p.instances if is_head(one, roles)] for p in pair)
    found = {i: said[j] for i, j, _ in match_heads(true, said, iou).pairs}
    for i, one in enumerate(true):
        if one.outlined and not is_cut(one.mask):
            yield one, found.get(i)


def _measure(one: Instance, roles: Roles, data: DataParams) -> dict[str, float]:
    found = measure(one, (), data.um_per_px, classes=roles)
    scale = data.um_per_px or 1.0
    values = (found.length_px * scale, found.width_to_length, found.ellipticity)
    return dict(zip(MEASURED, values, strict=True))


def _values(
    true: Instance, said: Instance | None, roles: Roles, data: DataParams
) -> Iterator[tuple[str, float, float]]:
    """Yield each measure by name, as it is and as it was found."""
    measured = _measure(said, roles, data) if said else dict.fromkeys(MEASURED, math.nan)
    for name, value in _measure(true, roles, data).items():
        yield name, value, measured[name]
