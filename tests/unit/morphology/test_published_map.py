import numpy as np
import pytest

from rostfine.morphology.heads import Instance
from rostfine.morphology.published_map import published_aps, published_map
from tests.unit.morphology.made import make_head, make_picture

CLASSES = ("good", "bad")
LEFT, RIGHT = (0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0)
BELOW, NOWHERE = (0.0, 12.0, 10.0, 22.0), (0.0, 25.0, 10.0, 35.0)


def ap(truth: list[Instance], found: list[Instance]) -> float:
    return published_map([make_picture(*truth)], [make_picture(*found)], CLASSES)


def test_classes_are_pooled_and_precision_is_the_best_at_that_recall_or_beyond():
    truth = [make_head(LEFT), make_head(RIGHT, name="bad"), make_head(BELOW)]
    found = [
        make_head(NOWHERE, 0.9),
        make_head(BELOW, 0.6),
        make_head(RIGHT, 0.8, name="bad"),
    ]
    # Precision 0, 1/2, 2/3 at recall 0, 1/3, 2/3: interpolated, 2/3 at both steps.
    assert ap(truth, found) == pytest.approx(2 / 3 * 2 / 3)


def test_a_head_of_the_wrong_class_is_a_false_alarm_and_a_miss():
    found = [make_head(LEFT, 0.9, name="bad"), make_head(LEFT, 0.8)]
    assert ap([make_head(LEFT)], found) == pytest.approx(1 / 2)


def test_a_head_is_found_once_and_a_second_finding_goes_to_the_next_best():
    nearby = (0.0, 2.0, 10.0, 12.0)
    assert ap([make_head(LEFT)], [make_head(LEFT, 0.8), make_head(LEFT, 0.9)]) == 1
    both = [make_head(LEFT), make_head(nearby)]
    assert ap(both, [make_head(LEFT, 0.9), make_head(LEFT, 0.8)]) == 1


@pytest.mark.parametrize(("bottom", "wanted"), [(5.0, 1.0), (4.0, 0.0)])
def test_an_iou_of_one_half_is_enough(bottom, wanted):
    assert ap([make_head(LEFT)], [make_head((0.0, 0.0, 10.0, bottom), 0.9)]) == wanted


def test_the_mean_is_over_pictures_that_have_outlined_heads():
    heads = [[make_head(LEFT)], [make_head(LEFT)], [], [make_head(LEFT, outlined=False)]]
    found = [[make_head(LEFT, 0.9)], [], [make_head(LEFT, 0.9)], [make_head(LEFT, 0.9)]]
    truth, said = (
        [make_picture(*one, name=name) for one, name in zip(side, "abcd", strict=True)]
        for side in (heads, found)
    )
    aps = published_aps(truth, said, CLASSES)
    assert aps.to_dict() == pytest.approx({"a": 1, "b": 0, "c": np.nan, "d": np.nan}, nan_ok=True)
    assert published_map(truth, said, CLASSES) == pytest.approx(1 / 2)
    assert np.isnan(published_map(truth[2:], said[2:], CLASSES))
    assert np.isnan(published_map([], [], CLASSES))
