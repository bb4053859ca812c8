from collections.abc import Sequence

import numpy as np
import pytest

from rostfine.morphology.average_precision import RECALLS, average_precision
from rostfine.morphology.heads import Instance, Picture
from tests.unit.morphology.made import SIZE_PX, make_head, make_picture

CLASSES = ("good", "bad")


LEFT, RIGHT = (0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0)
NOWHERE = (0.0, 25.0, 10.0, 35.0)


@pytest.mark.parametrize("kind", ["boxes", "masks"])
def test_a_false_alarm_between_two_hits_costs_a_third_of_the_upper_half(kind):
    truth = make_picture(make_head(LEFT), make_head(RIGHT))
    found = make_picture(make_head(LEFT, 0.9), make_head(NOWHERE, 0.8), make_head(RIGHT, 0.7))
    scores = average_precision([truth], [found], CLASSES, kind)
    by_hand = (51 + 50 * 2 / 3) / 101
    assert scores.means() == pytest.approx(dict.fromkeys(("ap", "ap50", "ap75"), by_hand))
    assert scores.precision50[0] == pytest.approx(np.where(RECALLS <= 0.5, 1, 2 / 3))
    assert np.isnan([scores.ap[1], *scores.precision50[1]]).all()


def test_an_overlap_counts_at_each_iou_up_to_its_own():
    truth, found = make_picture(make_head(LEFT)), make_picture(make_head((1.6, 0, 11.6, 10), 0.9))
    by_box = average_precision([truth], [found], CLASSES, "boxes")  # IoU 8.4 / 11.6
    by_mask = average_precision([truth], [found], CLASSES, "masks")  # of whole pixels: 8 / 12
    for scores, wanted in ((by_box, 0.5), (by_mask, 0.4)):
        assert (scores.ap[0], scores.ap50[0], scores.ap75[0]) == pytest.approx((wanted, 1, 0))


def test_a_head_of_another_class_is_missed_and_the_mean_is_of_the_classes_that_there_are():
    truth = make_picture(make_head(LEFT), make_head(RIGHT, name="bad"))
    found = make_picture(make_head(LEFT, 0.9), make_head(RIGHT, 0.9))
    scores = average_precision([truth], [found], (*CLASSES, "acrosome"), "masks")
    assert scores.ap[:2] == pytest.approx([1, 0])
    assert scores.means()["ap"] == pytest.approx(0.5)


def test_a_head_without_outline_counts_for_boxes_only():
    truth = make_picture(make_head(LEFT, outlined=False), make_head(RIGHT))
    found = make_picture(make_head(LEFT, 0.9), make_head(RIGHT, 0.8))
    halves = make_picture(make_head(RIGHT, 0.8))
    for said, of_boxes in ((found, 1.0), (halves, 51 / 101)):
        assert average_precision([truth], [said], CLASSES, "boxes").ap[0] == pytest.approx(of_boxes)
        assert average_precision([truth], [said], CLASSES, "masks").ap[0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("truth", "found", "wanted"),
    [([], [], None), ([LEFT], [], 0.0), ([], [LEFT], None)],
)
def test_without_heads_or_findings_nothing_fails_and_nothing_is_said(truth, found, wanted, capfd):
    sides = [make_picture(*(make_head(box) for box in boxes)) for boxes in (truth, found)]
    for kind in ("boxes", "masks"):
        means = average_precision([sides[0]], [sides[1]], CLASSES, kind).means()
        assert (
            set(means.values()) == {wanted} if wanted == 0 else np.isnan(list(means.values())).all()
        )
    assert np.isnan(average_precision([], [], CLASSES, "masks").ap).all()
    assert capfd.readouterr() == ("", "")


def test_it_agrees_with_a_plain_computation_on_random_pictures():
    rng = np.random.default_rng(3)
    truth = [make_picture(*_random_heads(rng, 4), name=str(i)) for i in range(12)]
    found = [
        make_picture(
            *(_moved(rng, one) for one in p.instances), *_random_heads(rng, 2), name=str(i)
        )
        for i, p in enumerate(truth)
    ]
    scores = average_precision(truth, found[::-1], CLASSES, "masks")
    for place, name in enumerate(CLASSES):
        levels = [_plain_ap(truth, found, name, iou) for iou in np.linspace(0.5, 0.95, 10)]
        assert 0.1 < levels[0] < 0.95
        assert scores.ap50[place] == pytest.approx(levels[0])
        assert scores.ap75[place] == pytest.approx(levels[5])
        assert scores.ap[place] == pytest.approx(np.mean(levels))


def _random_heads(rng: np.random.Generator, most: int) -> list[Instance]:
    boxes = [(*corner, *(corner + 8)) for corner in rng.integers(0, 30, (most, 2))]
    names = rng.choice(CLASSES, most)
    return [
        make_head(tuple(map(float, box)), float(rng.random()), name=str(name))
        for box, name in zip(boxes, names, strict=True)
    ]


def _moved(rng: np.random.Generator, head: Instance) -> Instance:
    box = np.array(head.box_px) + np.tile(rng.integers(-1, 2, 2), 2)
    name = "good" if rng.random() < 0.2 else head.class_name
    return make_head(
        tuple(np.clip(box, 0, SIZE_PX).tolist()), float(0.3 + 0.7 * rng.random()), name=name
    )


def _filled(head: Instance) -> np.ndarray:
    left, top, right, bottom = map(round, head.box_px)
    rows, columns = np.mgrid[:SIZE_PX, :SIZE_PX]
    return (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)


def _plain_ap(truth: Sequence[Picture], found: Sequence[Picture], name: str, iou: float) -> float:
    """Mean, over 101 recalls, of the best precision at that recall or beyond."""
    told: list[tuple[float, bool]] = []
    heads = 0
    for true, said in zip(truth, found, strict=True):
        free = [_filled(one) for one in true.instances if one.class_name == name]
        heads += len(free)
        of_class = [one for one in said.instances if one.class_name == name]
        for one in sorted(of_class, key=lambda head: -head.score):
            mask = _filled(one)
            ious = [(mask & other).sum() / (mask | other).sum() for other in free]
            is_hit = bool(ious) and max(ious) >= iou
            if is_hit:
                free.pop(int(np.argmax(ious)))
            told.append((one.score, is_hit))
    hits = np.cumsum([is_hit for _, is_hit in sorted(told, reverse=True)])
    precision, recall = hits / np.arange(1, len(hits) + 1), hits / heads
    return float(np.mean([max(precision[recall >= r], default=0.0) for r in RECALLS]))
