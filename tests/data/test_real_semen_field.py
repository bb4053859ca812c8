"""Counting the sperm of two real fields, of which people say how many swim."""

import pytest

from rostfine.tracking.field import FieldParams, count_field

pytestmark = pytest.mark.data

UM_PER_PX = 0.6
"""About: heads are 8 px long, and sperm about 90."""


@pytest.mark.parametrize(
    ("name", "cells", "progressive", "immotile"),
    [("demo1_motile", (24, 34), (60, 90), (5, 35)), ("seg_000", (25, 42), (5, 30), (60, 90))],
)
def test_a_field_that_swims_and_one_that_rests_are_counted_so(
    real_data, name, cells, progressive, immotile
):
    video = real_data / "semen" / f"{name}.mp4"
    count = count_field(video, FieldParams(windows=4), um_per_px=UM_PER_PX)
    assert cells[0] <= count.cells_per_frame <= cells[1]
    assert progressive[0] <= count.shares["progressive"].percent <= progressive[1]
    assert immotile[0] <= count.shares["immotile"].percent <= immotile[1]
