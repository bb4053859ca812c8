import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostfine.errors import VoteError
from rostfine.labels.aggregate import aggregate_votes
from rostfine.params import LabelParams
from rostfine.schemas import GRADE_COLUMNS

STOP = LabelParams(min_votes=1, on_missing_votes="stop")


def votes_of(**grades):
    rows = [
        (sample, f"e{i}", grade, pd.Timestamp("2026-01-01", tz="UTC"))
        for sample, given in grades.items()
        for i, grade in enumerate(given)
    ]
    return pd.DataFrame(rows, columns=["sample_id", "expert_id", "grade", "voted_at"])


def test_three_votes_of_five_give_probability_0_6():
    label = aggregate_votes(votes_of(s="AAABC"), ["s"], STOP).iloc[0]
    assert label[list(GRADE_COLUMNS)].tolist() == [0.6, 0.2, 0.2, 0.0, 0.0]
    assert label["n_votes"] == 5
    assert label["mode"] == "A"
    assert label["mean"] == pytest.approx(0.6)
    assert label["sd"] == pytest.approx(0.8)
    assert label["entropy"] == pytest.approx(-(0.6 * math.log(0.6) + 0.4 * math.log(0.2)))
    # Three of the ten pairs of experts agree.
    assert label["agreement"] == pytest.approx(0.3)


def test_a_tie_goes_to_the_better_grade():
    assert aggregate_votes(votes_of(s="DBBD"), ["s"], STOP)["mode"].tolist() == ["B"]


def test_a_revised_vote_counts_once():
    votes = votes_of(s="AB")
    again = votes.iloc[[0]].assign(grade="E", voted_at=pd.Timestamp("2026-01-02", tz="UTC"))
    label = aggregate_votes(pd.concat([votes, again]), ["s"], STOP).iloc[0]
    assert label[["p_A", "p_B", "p_E"]].tolist() == [0.0, 0.5, 0.5]


@given(st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=40), st.randoms())
def test_labels_sum_to_1_and_do_not_depend_on_the_order_of_votes(grades, random):
    votes = votes_of(s="".join(grades))
    order = list(range(len(votes)))
    random.shuffle(order)
    label = aggregate_votes(votes, ["s"], STOP)
    assert label[list(GRADE_COLUMNS)].sum(axis=1).tolist() == pytest.approx([1.0])
    pd.testing.assert_frame_equal(label, aggregate_votes(votes.iloc[order], ["s"], STOP))


def test_a_clip_without_votes_stops_or_is_left_out_as_params_say():
    votes = votes_of(s1="AB")
    with pytest.raises(VoteError, match=r"^data/votes: s2: 0 votes; wanted at least 1"):
        aggregate_votes(votes, ["s1", "s2"], STOP)
    skip = LabelParams(min_votes=1, on_missing_votes="skip")
    assert aggregate_votes(votes, ["s1", "s2"], skip)["sample_id"].tolist() == ["s1"]
    none = LabelParams(min_votes=3, on_missing_votes="skip")
    with pytest.raises(VoteError, match="no clip has votes enough"):
        aggregate_votes(votes, ["s1", "s2"], none)


def test_samples_keep_the_order_in_which_they_were_asked_for():
    labels = aggregate_votes(votes_of(b="A", a="B"), ["b", "a"], STOP)
    assert labels["sample_id"].tolist() == ["b", "a"]
    assert np.array_equal(labels["p_A"], [1.0, 0.0])
