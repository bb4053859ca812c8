import numpy as np
import pytest

from rostfine.errors import InputError
from rostfine.morphology.heads import Instance, encode
from rostfine.morphology.matching import Matches, match_heads, outlined_only, overlaps, paired
from tests.unit.morphology.made import SIZE_PX, make_head, make_picture


def across(left: float, score: float = 1.0) -> Instance:
    return make_head((left, 0, left + 10, 10), score)


def test_the_surest_found_head_takes_the_true_one_that_it_overlaps_most():
    truth = [across(4), across(0), across(40)]
    found = [across(0, 0.6), across(1, 0.9), across(20, 0.8)]
    matches = match_heads(truth, found, 0.3)
    assert matches.pairs == ((0, 0, pytest.approx(6 / 14)), (1, 1, pytest.approx(9 / 11)))
    assert (matches.missed, matches.spurious) == ((2,), (2,))


def test_among_equally_sure_heads_the_greatest_overlap_counts_so_that_sides_may_be_exchanged():
    one, other = [across(0), across(20)], [across(3), across(1), across(21)]
    there, back = match_heads(one, other, 0.3), match_heads(other, one, 0.3)
    assert [(i, j) for i, j, _ in there.pairs] == [(0, 1), (1, 2)]
    assert sorted((j, i) for i, j, _ in back.pairs) == [(0, 1), (1, 2)]


def test_an_overlap_of_just_the_iou_is_enough():
    truth, found = [make_head((0, 0, 10, 10))], [make_head((0, 0, 10, 5))]
    assert match_heads(truth, found, 0.5).pairs == ((0, 0, 0.5),)
    assert match_heads(truth, found, 0.51) == Matches((), (0,), (0,))


def test_heads_that_touch_nothing_are_never_matched():
    assert match_heads([across(0)], [across(30)], 0.0) == Matches((), (0,), (0,))
    assert match_heads([], [across(0)], 0.5) == Matches((), (), (0,))


def test_where_one_side_has_only_a_box_boxes_are_compared():
    mask = np.zeros((SIZE_PX, SIZE_PX), dtype=bool)
    mask[:10, :5] = True
    half = Instance("good", (0.0, 0.0, 10.0, 10.0), encode(mask))
    drawn, boxed = make_head((0, 0, 10, 10)), make_head((0, 0, 10, 10), outlined=False)
    assert overlaps([drawn, boxed], [half]) == pytest.approx(np.array([[0.5], [1.0]]))


def test_what_was_found_of_a_head_without_outline_is_left_out_with_it():
    truth = make_picture(make_head((0, 0, 10, 10), outlined=False), across(30))
    found = make_picture(
        across(0, 0.9), across(30, 0.8), make_head((1, 0, 11, 10), 0.95, name="bad")
    )
    true, said = outlined_only((truth, found), 0.5)
    assert true.instances == truth.instances[1:]
    assert said.instances == found.instances[1:]


def test_pictures_are_paired_by_id_and_one_without_other_is_named():
    one, other = make_picture(name="a"), make_picture(name="b")
    assert paired([one, other], [other, one]) == [(one, one), (other, other)]
    with pytest.raises(InputError, match=r"wanted those of the same pictures.*'b'"):
        paired([one, other], [one])
