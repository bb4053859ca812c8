from dataclasses import replace

import pandas as pd
import pytest

from rostfine.morphology.heads import Instance
from rostfine.morphology.measure_figures import draw_measures
from rostfine.morphology.measured import measure_heads
from tests.unit.morphology.test_figures import CLASSES, make_run
from tests.unit.morphology.test_metrics import DATA


def test_measures_say_how_far_those_of_found_heads_are_off():
    columns = ["picture_id", "truth", "found", "measure", "true", "measured"]
    rows = [("a", "good", "good", "length", 4.0, 5.0), ("a", "bad", "good", "length", 4.0, 7.0)]
    figure = draw_measures("small", pd.DataFrame(rows, columns=columns), CLASSES, "µm")
    assert "length (µm) +2.00 [-0.77, +4.77]." in figure.says
    assert ">length, µm, annotated<" in figure.svg


@pytest.mark.parametrize("outlined", [True, False])
def test_measures_stand_what_nobody_can_measure(outlined):
    one = make_run()
    boxes = [replace(p, instances=tuple(map(_boxed, p.instances))) for p in one.truth["test"]]
    truth = boxes if not outlined else [replace(p, instances=()) for p in boxes]
    table = measure_heads(truth, one.found["test"], DATA, 0.5)
    assert draw_measures("small", table, CLASSES, "px").says.endswith("not known.")


def _boxed(one: Instance) -> Instance:
    return replace(one, outlined=False)
