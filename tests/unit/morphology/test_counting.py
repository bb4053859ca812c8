import numpy as np

from rostfine.morphology.counting import counted
from rostfine.morphology.heads import Instance, encode

ROLES = {"good": "good", "bad": "bad", "acrosome": "acrosome"}


def head(name, left, score):
    mask = np.zeros((40, 60), bool)
    mask[10:30, left : left + 20] = True
    return Instance(name, (float(left), 10.0, left + 20.0, 30.0), encode(mask), score=score)


def test_a_head_that_is_called_two_things_is_the_surer_one():
    sure, other, elsewhere = head("bad", 2, 0.9), head("good", 4, 0.6), head("good", 36, 0.7)
    assert counted([other, elsewhere, sure], ROLES, 0.5) == [sure, elsewhere]


def test_parts_stay_beside_their_heads_and_what_is_unsure_goes():
    whole, part, doubtful = head("good", 2, 0.9), head("acrosome", 2, 0.8), head("bad", 36, 0.4)
    assert counted([whole, part, doubtful], ROLES, 0.5) == [whole, part]
