import io
from dataclasses import replace

import numpy as np
from matplotlib.image import imread

from rostfine.morphology.cases import choose_cases, draw_cases
from rostfine.morphology.heads import Picture
from rostfine.morphology.metrics import Evaluation, evaluate
from rostfine.morphology.runs import Run
from tests.unit.morphology.test_figures import CLASSES, TRUE, WRONG, make_run
from tests.unit.morphology.test_metrics import DATA, PARAMS


def evaluated(one: Run) -> Evaluation:
    sides = one.truth["test"], one.found["test"]
    return evaluate(*sides, DATA, PARAMS, least_score=one.least_score)


def black(picture: Picture) -> np.ndarray:
    return np.zeros((picture.height_px, picture.width_px, 3), np.uint8)


def test_the_worst_come_first_and_the_right_ones_have_nothing_wrong():
    one = make_run(WRONG, TRUE)
    chosen = choose_cases(evaluated(one), [picture.picture_id for picture in one.truth["test"]])
    # A wrong class is AP 0, one of two heads 0.5; in the last, there is none to be found.
    assert chosen == {"worst": ["1", "3", "2"], "right": ["0"]}
    # Heads may be right where their parts are not.
    poor = evaluated(one).published.copy()
    poor["0"] = 0.9
    chosen = choose_cases(replace(evaluated(one), published=poor), list(poor.index))
    assert chosen == {"worst": ["1", "3", "2", "0"], "right": []}


def test_a_case_shows_truth_beside_what_was_found():
    one = make_run(WRONG, TRUE)
    given = {"evaluation": evaluated(one), "classes": CLASSES, "read_image": black}
    figure = draw_cases(one, "test", "worst", **given)
    assert figure is not None
    assert figure.says.startswith("The 3 test pictures of the least AP")
    assert all(f">{said}<" in figure.svg for said in ("1", "found, AP 0.00", "found, AP 0.50"))
    nothing = replace(one, found={"test": [replace(p, instances=()) for p in one.found["test"]]})
    other = draw_cases(nothing, "test", "worst", **given)
    assert other is not None
    pictures = [imread(io.BytesIO(f.png), format="png")[..., :3] for f in (figure, other)]
    differs = (pictures[0] != pictures[1]).any(axis=(0, 2)).nonzero()[0] / pictures[0].shape[1]
    # Two pairs in a row: what is found is the second of each.
    assert not ((differs < 0.25) | ((differs > 0.51) & (differs < 0.75))).any()
    assert ((differs > 0.25) & (differs < 0.5)).any()


def test_without_a_case_nothing_is_drawn():
    one = make_run([[(0, "good", 0.9)]], [[(0, "good", 1.0)]])
    given = {"evaluation": evaluated(one), "classes": CLASSES, "read_image": black}
    assert draw_cases(one, "test", "worst", **given) is None
    assert draw_cases(one, "test", "right", **given) is not None
