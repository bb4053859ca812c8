from pathlib import Path

import numpy as np
import pytest

from rostfine.morphology.heads import Instance, Picture, encode
from rostfine.morphology.metrics import Evaluation, evaluate, reliability, score_calibration
from rostfine.morphology.params import ClassParams, DataParams, EvaluateParams, SplitParams

Heads = list[tuple[int, str, float]]
"""The place, class and score of each."""
DATA = DataParams(
    folder="data",
    classes={name: ClassParams((name,), name) for name in ("good", "bad")},
    ignored=(),
    boxes="ellipse",
    um_per_px=None,
    on_bad_input="stop",
    split=SplitParams(method="random", file=None, test=0.2, validation=0.2, seed=0),
)
PARAMS = EvaluateParams(iou=0.5, bootstrap=100, seed=0)
PLACES, SIDE_PX = 6, 20


def make_pictures(side: list[Heads]) -> list[Picture]:
    pictures = []
    for number, heads in enumerate(side):
        instances = []
        for place, name, score in heads:
            mask = np.zeros((SIDE_PX, SIDE_PX * PLACES), dtype=bool)
            mask[2:18, SIDE_PX * place : SIDE_PX * place + 16] = True
            box = (float(SIDE_PX * place), 2.0, SIDE_PX * place + 16.0, 18.0)
            instances.append(Instance(name, box, encode(mask), score=score))
        path = Path(f"{number}.png")
        size = (SIDE_PX, SIDE_PX * PLACES)
        pictures.append(Picture(path.stem, path, path, *size, tuple(instances)))
    return pictures


def run(truth: list[Heads], found: list[Heads], least_score: float = 0.0) -> Evaluation:
    sides = make_pictures(truth), make_pictures(found)
    return evaluate(*sides, DATA, PARAMS, least_score=least_score)


TRUTH: list[Heads] = [[(0, "good", 1.0), (1, "bad", 1.0)], [(0, "bad", 1.0), (3, "good", 1.0)]]
FOUND: list[Heads] = [[(0, "good", 0.9), (1, "good", 0.8)], [(0, "bad", 0.7), (5, "bad", 0.35)]]


def test_all_numbers_of_two_pictures_are_those_worked_by_hand():
    flat = run(TRUTH, FOUND).flat()
    wanted = {
        "mask_ap": 51 / 101,
        "mask_ap50.good": 51 / 101,
        "mask_ap75.bad": 51 / 101,
        "box_ap": 51 / 101,
        "published_map": 1 / 2,
        "heads": 4,
        "missed": 1,
        "spurious": 1,
        "found_share": 3 / 4,
        "sensitivity": 1 / 2,
        "specificity": 1,
        "accuracy": 2 / 3,
        "balanced_accuracy": 3 / 4,
        "ece": (0.1 + 0.8 + 0.3 + 0.35) / 4,
    }
    assert {name: flat[name] for name in wanted} == pytest.approx(wanted)
    assert flat["sensitivity.low"] < 1 / 2 < flat["sensitivity.pictures_high"]
    assert all(type(value) is float for value in flat.values())


def test_what_is_less_sure_than_in_use_counts_for_average_precision_only():
    found: list[Heads] = [[(0, "good", 0.9), (1, "bad", 0.2)], [(0, "bad", 0.8), (3, "good", 0.2)]]
    flat = run(TRUTH, found, least_score=0.5).flat()
    assert (flat["mask_ap"], flat["box_ap"]) == pytest.approx((1, 1))
    assert (flat["missed"], flat["published_map"]) == pytest.approx((2, 1 / 2))
    assert flat["ece"] == pytest.approx(0.15)


def test_a_found_head_is_right_among_its_own_class_whatever_else_is_found_there():
    truth, found = make_pictures([[(0, "good", 1.0)]]), [[(0, "bad", 0.9), (0, "good", 0.55)]]
    score = score_calibration(truth, make_pictures(found), DATA, 0.5)
    assert dict(zip(score.confidence, score.right, strict=True)) == {0.9: 0, 0.55: 1}
    rows = reliability(score).set_index("low")[["heads", "confidence", "accuracy"]]
    assert rows.loc[0.5].tolist() == pytest.approx([1, 0.55, 1])
    assert rows.loc[0.8].tolist() == pytest.approx([1, 0.9, 0])


@pytest.mark.parametrize(
    ("truth", "found"), [([], []), ([[]], [[]]), (TRUTH, [[], []]), ([[], []], FOUND)]
)
def test_without_heads_or_findings_every_undefined_number_is_nan(truth, found):
    evaluation = run(truth, found)
    flat = evaluation.flat()
    undefined = ["sensitivity", "specificity.low", "accuracy.pictures_high", "balanced_accuracy"]
    assert np.isnan([flat[name] for name in undefined]).all()
    assert np.isnan(flat["mask_ap"]) == np.isnan(flat["published_map"]) == (not any(truth))
    assert np.isnan(flat["ece"]) == evaluation.reliability.empty == (not any(found))


def test_a_hundred_pictures_that_are_found_right_are_perfect_whatever_the_scores():
    rng = np.random.default_rng(0)
    names = rng.choice(["good", "bad"], (100, 5))
    truth: list[Heads] = [[(i, str(name), 1.0) for i, name in enumerate(row)] for row in names]
    found: list[Heads] = [[(i, n, float(rng.random())) for i, n, _ in row] for row in truth]
    sides = make_pictures(truth), make_pictures(found)
    flat = evaluate(*sides, DATA, PARAMS).flat()
    assert flat["mask_ap"] == pytest.approx(1)
