import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.image import imread

from rostfine.morphology.evaluating import Run, measure_heads
from rostfine.morphology.figures import (
    SHADE,
    choose_cases,
    draw_cases,
    draw_confusion,
    draw_losses,
    draw_measures,
    draw_precision_recall,
    draw_reliability,
    draw_scores,
)
from rostfine.morphology.heads import Instance, Picture
from rostfine.morphology.metrics import Evaluation, evaluate
from tests.unit.morphology.test_evaluating import make_history
from tests.unit.morphology.test_metrics import DATA, FOUND, PARAMS, TRUTH, Heads, make_pictures, run

CLASSES = {"good": "good", "bad": "bad"}
WRONG: list[Heads] = [[(0, "bad", 0.9)], [(1, "good", 0.9)], [(2, "bad", 0.9)], [(1, "bad", 0.9)]]
TRUE: list[Heads] = [
    [(0, "bad", 1.0)],
    [(1, "bad", 1.0)],
    [(2, "bad", 1.0), (3, "good", 1.0)],
    [],
]


def make_run(found: list[Heads] = FOUND, truth: list[Heads] = TRUTH, **history) -> Run:
    sides = {"test": make_pictures(truth)}, {"test": make_pictures(found)}
    return Run("small", "paper", CLASSES, 0.5, make_history(**history), *sides, {})


def evaluated(one: Run) -> Evaluation:
    sides = one.truth["test"], one.found["test"]
    return evaluate(*sides, DATA, PARAMS, least_score=one.least_score)


def black(picture: Picture) -> np.ndarray:
    return np.zeros((picture.height_px, picture.width_px, 3), np.uint8)


def test_losses_have_a_panel_for_each_term_and_say_those_of_the_chosen_epoch():
    figure = draw_losses(make_run(best=1))
    titles = ("Total", "Class", "Box", "Mask", "Proposals: head or not", "Proposals: box")
    assert all(figure.svg.count(f">{title}<") == 1 for title in titles)
    assert all(figure.svg.count(f">{side}<") == 1 for side in ("training", "validation"))
    assert figure.says.endswith(
        "epoch 2, whose weights are kept; its loss is training 0.315, validation 0.630."
    )


def test_scores_say_those_of_the_chosen_epoch():
    assert "Dotted: epoch 3, whose weights are kept: mAP as published 0.900, AP of masks 0.300" in (
        draw_scores(make_run(best=2)).says
    )


def test_where_nothing_chose_the_last_epoch_is_kept():
    bare = make_run(best=-1, chose=False)
    assert draw_losses(bare).says.endswith(
        "epoch 3, whose weights are kept; its loss is training 0.158."
    )
    assert draw_scores(bare).says.endswith("epoch 3, whose weights are kept: not known.")


def test_precision_and_recall_have_a_curve_for_each_class_that_there_is():
    svg = draw_precision_recall("small", run(TRUTH, FOUND), CLASSES).svg
    assert svg.count(">good, AP50 0.505<") == svg.count(">bad, AP50 0.505<") == 1
    only_bad = draw_precision_recall("small", run(TRUE[:2], WRONG[:2]), CLASSES)
    assert ">bad, AP50" in only_bad.svg
    assert "good" not in only_bad.svg
    assert only_bad.says.startswith("Precision by recall of masks")


def test_where_only_boxes_are_known_precision_and_recall_are_of_boxes():
    found = run(TRUTH, FOUND)
    unknown = replace(found.masks, ap50=np.full(2, np.nan))
    figure = draw_precision_recall("small", replace(found, masks=unknown), CLASSES)
    assert figure.says.startswith("Precision by recall of boxes")
    assert ">good, AP50 0.505<" in figure.svg


def test_reliability_says_the_error_and_stands_that_nothing_is_found():
    assert draw_reliability("small", run(TRUTH, FOUND)).says.endswith("(ECE) is 0.388.")
    draw_reliability("small", run(TRUTH, [[], []]))


def test_a_confusion_writes_counts_and_shares_of_rows_but_none_of_what_is_spurious():
    counts = [[3, 1, 0], [0, 2, 0], [0, 7, 0]]
    table = pd.DataFrame(counts, ["good", "bad", "spurious"], ["good", "bad", "missed"])
    svg = draw_confusion("small", table, "quality").svg
    shares = [svg.count(f">{text}<") for text in ("75%", "25%", "100%", "0%")]
    assert shares == [1, 1, 1, 3]
    assert svg.count(">7<") == 1
    whole = to_hex(colormaps["BuGn"](SHADE["vmax"] ** -1))
    assert svg.count(f"fill: {whole}") == 1


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
