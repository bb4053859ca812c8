import math
from pathlib import Path

import numpy as np
import pytest

from rostfine.morphology.heads import Instance, Picture, encode
from rostfine.morphology.params import ClassParams, DataParams, EvaluateParams, SplitParams
from rostfine.morphology.quality import (
    MISSED,
    SPURIOUS,
    MeanShare,
    Quality,
    judge_quality,
    pair_heads,
)

ROLES = {"normal": "good", "tapered": "bad", "pyriform": "bad", "acrosome": "acrosome"}
SPLIT = SplitParams(method="random", file=None, test=0.2, validation=0.2, seed=0)
PARAMS = EvaluateParams(iou=0.5, bootstrap=500, seed=0)


def make_data(roles: dict[str, str] = ROLES) -> DataParams:
    return DataParams(
        folder="data",
        classes={name: ClassParams((name,), role) for name, role in roles.items()},
        ignored=(),
        boxes="ellipse",
        um_per_px=None,
        on_bad_input="stop",
        split=SPLIT,
    )


def make_picture(name: str, classes: list[str | None], score: float = 1.0) -> Picture:
    """A picture with a head in each of its places, one beside the other; None: no head there."""
    instances = []
    for place, class_name in enumerate(classes):
        mask = np.zeros((10, 10 * len(classes)), dtype=bool)
        mask[:, 10 * place : 10 * place + 8] = True
        box = (10.0 * place, 0.0, 10.0 * place + 8, 10.0)
        if class_name is not None:
            instances.append(Instance(class_name, box, encode(mask), score=score))
    return Picture(name, Path(name), Path(name), 10, 10 * len(classes), tuple(instances))


def judge(
    truth: list[list[str | None]],
    found: list[list[str | None]],
    roles: dict[str, str] = ROLES,
) -> Quality:
    names = [f"p{i}" for i in range(len(truth))]
    sides = [list(map(make_picture, names, side)) for side in (truth, found)]
    data = make_data(roles)
    return judge_quality(pair_heads(*sides, data, PARAMS.iou), names, data, PARAMS)


# As truth and as found: 3 bad of which 2 are called so, 1 good rightly; 1 missed, 1 spurious.
TRUTH = [["normal", "tapered", "acrosome", None], ["tapered", "pyriform", "normal"]]
FOUND = [["normal", "pyriform", None, "tapered"], ["tapered", "normal", None]]


def test_confusions_count_heads_by_role_and_by_class_and_leave_out_parts():
    quality = judge(TRUTH, FOUND)
    assert quality.roles.loc[
        ["good", "bad", SPURIOUS], ["good", "bad", MISSED]
    ].to_numpy().tolist() == [
        [1, 0, 1],
        [1, 2, 0],
        [0, 1, 0],
    ]
    assert list(quality.classes.index) == ["normal", "tapered", "pyriform", SPURIOUS]
    assert quality.classes.loc["tapered"].tolist() == [0, 1, 1, 0]


def test_rates_are_of_matched_heads_and_to_be_bad_is_positive():
    quality = judge(TRUTH, FOUND)
    rates = (quality.sensitivity, quality.specificity, quality.accuracy)
    assert [rate.wilson.mean for rate in rates] == pytest.approx([2 / 3, 1, 3 / 4])
    assert [rate.pictures.mean for rate in rates] == pytest.approx([2 / 3, 1, 3 / 4])
    assert quality.balanced_accuracy.mean == pytest.approx((2 / 3 + 1) / 2)


def test_wilsons_interval_is_that_of_its_formula():
    wilson = judge([["normal"] * 10], [["normal"] * 8 + ["tapered"] * 2]).specificity.wilson
    n, p, z = 10, 0.8, 1.959964
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert (wilson.low, wilson.high) == pytest.approx((middle - half, middle + half), abs=1e-6)


def test_the_interval_over_pictures_is_wider_where_heads_of_a_picture_are_alike():
    truth = [["normal"] * 10] * 8
    alike = judge(truth, [["normal"] * 10] * 4 + [["tapered"] * 10] * 4).specificity
    mixed = judge(truth, [["normal"] * 5 + ["tapered"] * 5] * 8).specificity
    assert mixed.wilson == alike.wilson
    assert alike.pictures.high - alike.pictures.low > 2 * (alike.wilson.high - alike.wilson.low)
    assert (mixed.pictures.low, mixed.pictures.high) == pytest.approx((0.5, 0.5))


def test_a_draw_without_bad_heads_says_nothing_of_balanced_accuracy():
    right, counted = np.array([[1.0, 1, 0]]), np.array([[1.0, 0, 0], [0, 1, 1]])
    drawn = MeanShare(right * counted, counted).resampled(np.array([[0.0, 1, 1], [1, 2, 1]]))
    assert drawn == pytest.approx([np.nan, (1 + 2 / 3) / 2], nan_ok=True)


def test_draws_without_bad_heads_do_not_spoil_the_limits_of_sensitivity():
    quality = judge([["tapered"], ["normal"], ["normal"]], [["tapered"], ["normal"], ["normal"]])
    assert (quality.sensitivity.pictures.low, quality.balanced_accuracy.low) == (1, 1)


def test_parts_of_heads_are_not_paired():
    sides = [[make_picture("p", classes)] for classes in (["acrosome", "normal"], ["acrosome"] * 2)]
    heads = pair_heads(*sides, make_data(), 0.5)
    assert heads[["truth", "found"]].to_numpy().tolist() == [["normal", MISSED]]


def test_a_head_of_unknown_quality_stands_in_the_confusion_and_counts_in_no_rate():
    roles = {**ROLES, "sperm": "head"}
    quality = judge([["sperm", "normal"]], [["tapered", "normal"]], roles)
    assert quality.roles.loc["head", "bad"] == 1
    assert quality.accuracy.wilson.mean == 1


@pytest.mark.parametrize(
    ("truth", "found"),
    [
        ([], []),
        ([["normal"]], [[None]]),
        ([[None]], [["normal"]]),
        ([["sperm"]] * 2, [["sperm"]] * 2),
    ],
)
def test_without_matched_heads_of_known_quality_every_rate_is_nan(truth, found):
    quality = judge(truth, found, {"normal": "good", "sperm": "head"})
    for rate in (quality.sensitivity, quality.specificity, quality.accuracy):
        limits = (rate.wilson, rate.pictures)
        assert all(np.isnan([one.mean, one.low, one.high]).all() for one in limits)
    assert np.isnan(quality.balanced_accuracy.mean)


def test_with_good_heads_only_sensitivity_and_balanced_accuracy_are_nan():
    quality = judge([["normal"]] * 3, [["normal"]] * 3)
    assert quality.specificity.pictures.low == 1
    assert np.isnan([quality.sensitivity.pictures.low, quality.balanced_accuracy.mean]).all()
