import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from rostfine.schemas import GRADES, VOTES, read_table
from rostfine.simulate.experts import LIMITS, Expert, cast_votes, draw_experts, grade
from rostfine.simulate.sperm import draw_traits, quality

SURE = Expert("E01", bias=0.0, noise=0.0, limits=LIMITS, missing=0.0, revised=0.0)


def cast(qualities, experts, seed=1):
    return cast_votes(qualities, experts, np.random.default_rng(seed))


def drawn_qualities(count):
    rng = np.random.default_rng(8)
    return {f"S{i}": quality(draw_traits(float(rng.standard_normal()), rng)) for i in range(count)}


@pytest.mark.parametrize(
    ("seen", "wanted"), [(2.0, "A"), (0.5, "B"), (0.0, "C"), (-1.0, "D"), (-2.0, "E")]
)
def test_a_sure_expert_gives_the_grade_between_whose_limits_quality_lies(seen, wanted):
    assert grade(SURE, seen, 0.0) == wanted


def test_a_bias_of_1_lifts_a_C_to_a_B():
    assert grade(dataclasses.replace(SURE, bias=1.0), 0.0, 0.0) == "B"


def test_20_experts_rank_240_sperm_like_their_quality():
    qualities = drawn_qualities(240)
    votes = cast(qualities, draw_experts(20, np.random.default_rng(3)))
    worse = votes["grade"].map(GRADES.index).groupby(votes["sample_id"]).mean()
    assert spearmanr(worse, pd.Series(qualities)[worse.index]).statistic < -0.95


def test_modal_grades_are_about_15_25_30_20_10_percent():
    votes = cast(drawn_qualities(2000), (SURE,))
    shares = votes["grade"].value_counts(normalize=True)[list(GRADES)]
    assert shares.to_numpy() == pytest.approx([0.15, 0.25, 0.30, 0.20, 0.10], abs=0.03)


def test_about_10_percent_of_votes_are_missing():
    votes = cast(drawn_qualities(300), draw_experts(40, np.random.default_rng(3)))
    given = len(votes.drop_duplicates(["sample_id", "expert_id"]))
    assert 1 - given / (300 * 40) == pytest.approx(0.10, abs=0.025)


def test_an_expert_who_revises_2_of_2_votes_adds_2_rows_after_them():
    votes = cast({"S1": 0.0, "S2": 1.0}, (dataclasses.replace(SURE, revised=1.0),))
    assert len(votes) == 4
    assert sorted(votes["sample_id"][2:]) == ["S1", "S2"]


def test_experts_differ_in_bias_and_noise():
    experts = draw_experts(200, np.random.default_rng(3))
    assert np.std([one.bias for one in experts]) == pytest.approx(0.22, abs=0.04)
    assert len({one.noise for one in experts}) == 200
    assert all(list(one.limits) == sorted(one.limits, reverse=True) for one in experts)


def test_votes_are_a_table_of_votes_in_the_order_of_time(tmp_path):
    votes = cast(drawn_qualities(30), draw_experts(5, np.random.default_rng(3)))
    votes.to_csv(tmp_path / "votes.csv", index=False)
    read = read_table(tmp_path / "votes.csv", VOTES)
    assert read["voted_at"].is_monotonic_increasing
    assert set(read["grade"]) <= set(GRADES)
    assert str(read["voted_at"].iloc[0]).startswith("2026-01-05 09:00")


def test_one_seed_gives_one_table_and_another_seed_another():
    experts = draw_experts(5, np.random.default_rng(3))
    qualities = drawn_qualities(30)
    assert cast(qualities, experts).equals(cast(qualities, experts))
    assert not cast(qualities, experts).equals(cast(qualities, experts, seed=2))
