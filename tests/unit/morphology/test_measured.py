import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rostfine.morphology.heads import Instance, Picture, encode
from rostfine.morphology.measured import measure_heads
from tests.unit.morphology.test_metrics import DATA


def bar(left: int, right: int, name: str = "good", **more: Any) -> Instance:
    mask = np.zeros((30, 100), bool)
    mask[10:20, left:right] = True
    return Instance(name, (float(left), 10.0, float(right), 20.0), encode(mask), **more)


def test_found_heads_are_measured_beside_true_ones_in_um_where_that_is_known():
    path = Path("a.png")
    heads = (bar(0, 20), bar(30, 46), bar(60, 76, "bad"), bar(80, 90, outlined=False))
    true = Picture("a", path, path, 30, 100, heads)
    said = replace(true, instances=(bar(0, 20), bar(30, 50, "bad")))
    table = measure_heads([true], [said], replace(DATA, um_per_px=0.5), 0.5)
    rows = table.set_index(["truth", "measure"])
    # The ellipse of a rectangle is 2 / sqrt(3) as long; the first head is cut, the last a box.
    scale = 0.5 * 2 / math.sqrt(3)
    assert rows.loc[("good", "length"), "true"] == pytest.approx(16 * scale, rel=1e-6)
    assert rows.loc[("good", "length"), "measured"] == pytest.approx(20 * scale, rel=1e-6)
    assert rows.loc[("good", "width_to_length"), "measured"] == pytest.approx(0.5, rel=1e-6)
    assert rows.loc[("good", "ellipticity"), "true"] == pytest.approx(1.6, rel=1e-6)
    assert rows.loc[("good", "length"), "found"] == "bad"
    assert rows.loc[("bad", "length"), "found"] == "missed"
    assert np.isnan(rows.loc[("bad", "length"), "measured"])
    assert len(table) == 2 * 3
