import numpy as np
import pytest

from rostfine.morphology.heads import Instance, encode
from rostfine.morphology.verdict import Tally, Verdict

CLASSES = {
    "normal": "good",
    "tapered": "bad",
    "pyriform": "bad",
    "head": "head",
    "acrosome": "acrosome",
}
EMPTY = encode(np.zeros((4, 4), bool))


def verdict(*votes: tuple[str, float], first: int = 0) -> Verdict:
    tally = Tally(7, CLASSES)
    for frame, (name, score) in enumerate(votes, start=first):
        tally.add(frame, Instance(name, (0.0, 0.0, 1.0, 1.0), EMPTY, score=score))
    return tally.decide()


def test_votes_weigh_as_much_as_their_scores():
    found = verdict(("tapered", 0.5), ("normal", 0.9), ("tapered", 0.3), first=4)
    assert (found.track_id, found.class_name, found.quality) == (7, "normal", "good")
    assert found.votes == {"normal": 1, "tapered": 2}
    assert found.share == pytest.approx(0.9 / 1.7)
    assert found.mean_score == pytest.approx(0.9)
    assert (found.first_frame, found.last_frame, found.tied) == (4, 6, False)


def test_the_quality_is_decided_before_the_class():
    found = verdict(("normal", 0.4), ("tapered", 0.35), ("pyriform", 0.3))
    assert (found.quality, found.class_name) == ("bad", "tapered")
    assert found.share == pytest.approx(0.65 / 1.05)
    assert found.mean_score == pytest.approx(0.35)


def test_a_tie_of_qualities_is_unknown_and_says_so():
    # Ten times 0.1 is not 1 in floating point.
    found = verdict(*[("normal", 0.1)] * 10, ("tapered", 1.0))
    assert (found.quality, found.class_name, found.tied) == ("unknown", "normal", True)
    assert found.share == pytest.approx(0.5)


def test_a_tie_of_classes_of_one_quality_is_the_first_of_them_and_says_so():
    found = verdict(("pyriform", 0.8), ("tapered", 0.8))
    assert (found.quality, found.class_name, found.tied) == ("bad", "tapered", True)
    assert found.share == 1


def test_heads_without_a_quality_have_an_unknown_one_without_a_tie():
    found = verdict(("head", 0.9), ("head", 0.7))
    assert (found.quality, found.class_name, found.tied) == ("unknown", "head", False)
    assert found.mean_score == pytest.approx(0.8)


def test_scores_of_0_give_no_share_and_no_error():
    found = verdict(("normal", 0.0))
    assert found.class_name == "normal"
    assert np.isnan(found.share)
