from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import to_hex

from rostfine.morphology.figures import (
    SHADE,
    draw_confusion,
    draw_losses,
    draw_precision_recall,
    draw_reliability,
    draw_scores,
)
from rostfine.morphology.runs import Run
from tests.unit.morphology.test_metrics import FOUND, TRUTH, Heads, make_pictures, run
from tests.unit.morphology.test_runs import make_history

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
