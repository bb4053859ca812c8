import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kruskal, permutation_test, wilcoxon

from rostfine.errors import InputError
from rostfine.evaluation.significance import (
    PAIR_COLUMNS,
    cohens_d_z,
    holm,
    kruskal_wallis,
    paired_permutation,
    pairwise,
    rank_biserial,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_kruskal_wallis_is_scipy_s_and_epsilon_squared_is_1_at_most() -> None:
    models = {f"m{i}": rng(i).normal(i / 4, 1, 30) for i in range(3)}
    found = kruskal_wallis(models)
    assert (found.h, found.p) == pytest.approx(tuple(kruskal(*models.values())))
    assert found.epsilon_squared == pytest.approx(found.h / 89)
    apart = kruskal_wallis({"low": np.arange(5.0), "high": np.arange(5.0) + 10})
    assert 0.7 < apart.epsilon_squared <= 1


def test_kruskal_wallis_of_equal_values_finds_nothing() -> None:
    found = kruskal_wallis({"a": np.ones(4), "b": np.ones(4)})
    assert (found.h, found.p, found.epsilon_squared) == (0, 1, 0)


def test_3_differences_of_one_sign_are_as_extreme_in_2_flips_of_8() -> None:
    assert paired_permutation(np.array([1.0, 2.0, 3.0]), rng()) == 2 / 8
    # 1 + 2 - 3 = 0 is no difference at all: every flip is as extreme.
    assert paired_permutation(np.array([1.0, 2.0, -3.0]), rng()) == 1
    assert paired_permutation(np.zeros(3), rng()) == paired_permutation(np.zeros(30), rng()) == 1
    # 4 - 1 = 3 in size: +-(4, 1) and +-(4, -1).
    assert paired_permutation(np.array([4.0, -1.0]), rng()) == 1
    assert paired_permutation(np.array([4.0, 1.0]), rng()) == 0.5


def test_all_flips_of_10_differences_give_scipy_s_p() -> None:
    values, others = rng(1).normal(0.4, 1, 10), rng(2).normal(0, 1, 10)
    theirs = permutation_test(
        (values, others),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert paired_permutation(values - others, rng()) == pytest.approx(theirs.pvalue, abs=1e-12)


def test_drawn_flips_come_near_to_all_flips(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = rng(1).normal(0.2, 1, 12)
    exact = paired_permutation(differences, rng())
    monkeypatch.setattr("rostfine.evaluation.significance.MOST_EXACT", 0)
    monkeypatch.setattr("rostfine.evaluation.significance.MOST_SIGNS", 5_000)
    drawn = paired_permutation(differences, rng(), rounds=40_000)
    assert 0.02 < exact < 0.98
    assert drawn == pytest.approx(exact, abs=0.01)


def test_p_is_never_0_and_the_same_generator_gives_it_again() -> None:
    differences = np.full(200, 1.0)
    assert paired_permutation(differences, rng(), rounds=99) == 1 / 100
    noisy = rng(5).normal(0.1, 1, 100)
    first = paired_permutation(noisy, rng(3), rounds=500)
    assert first == paired_permutation(noisy, rng(3), rounds=500)
    assert first != paired_permutation(noisy, rng(4), rounds=500)


@pytest.mark.parametrize("units", [10, 40])
def test_under_the_null_p_is_below_a_fifth_in_about_a_fifth_of_studies(units: int) -> None:
    drawn = rng(units)
    p = [paired_permutation(drawn.normal(size=units), drawn, rounds=199) for _ in range(300)]
    assert np.mean(np.array(p) <= 0.2) == pytest.approx(0.2, abs=0.06)
    assert np.mean(np.array(p) <= 0.5) == pytest.approx(0.5, abs=0.08)


def test_5_clips_each_of_3_alike_patients_are_3_units_not_15() -> None:
    differences = np.repeat([1.0, 2.0, 3.0], 5)
    patients = np.repeat(["p", "q", "r"], 5).tolist()
    assert paired_permutation(differences, rng(), patients=patients) == 2 / 8
    assert paired_permutation(differences, rng()) < 0.01


def test_flips_of_whole_patients_keep_to_their_level_where_flips_of_clips_do_not() -> None:
    drawn = rng(8)
    patients = np.repeat([f"P{i}" for i in range(12)], 6).tolist()
    by_patient, by_clip = [], []
    for _ in range(100):
        differences = np.repeat(drawn.normal(size=12), 6)
        by_patient.append(paired_permutation(differences, drawn, patients=patients))
        by_clip.append(paired_permutation(differences, drawn, rounds=199))
    assert np.mean(np.array(by_patient) <= 0.05) <= 0.12
    assert np.mean(np.array(by_clip) <= 0.05) > 0.25


def test_holm_of_4_worked_by_hand() -> None:
    # Times 4, 3, 2 and 1 in the order of size; never less than a smaller one's.
    found = holm(np.array([0.03, 0.005, 0.04, 0.02]))
    assert found == pytest.approx([0.06, 0.02, 0.06, 0.06])
    assert holm(np.array([0.6, 0.9])).tolist() == [1, 1]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_p_and_bonferroni_and_keeps_the_order(given_p: list[float]) -> None:
    p = np.array(given_p)
    found = holm(p)
    assert (found >= p).all()
    assert (found <= np.minimum(p * len(p), 1)).all()
    assert (np.diff(found[np.argsort(p)]) >= 0).all()


def test_d_z_is_the_mean_in_standard_deviations() -> None:
    assert cohens_d_z(np.array([1.0, 2.0, 3.0])) == 2
    assert cohens_d_z(np.zeros(3)) == 0
    assert cohens_d_z(np.full(3, -0.5)) == -np.inf


def test_rank_biserial_is_what_wilcoxon_s_sums_of_ranks_give() -> None:
    # Ranks 1, 2.5, 2.5 and 4 of sizes, the first negative; the zero is no one's.
    assert rank_biserial(np.array([-1.0, 2.0, 2.0, 0.0, 5.0])) == pytest.approx(0.8)
    differences = rng(6).normal(0.3, 1, 40)
    positive = wilcoxon(differences, alternative="greater").statistic
    assert rank_biserial(differences) == pytest.approx(2 * positive / (40 * 41 / 2) - 1)
    assert rank_biserial(-differences) == pytest.approx(-rank_biserial(differences))
    assert rank_biserial(np.zeros(3)) == 0


def test_every_pair_has_a_row_with_its_difference_interval_and_corrected_p() -> None:
    patients = [f"P{i // 2}" for i in range(60)]
    base = rng(1).normal(size=60)
    models = {"worse": base + 1, "same": base, "again": base + rng(2).normal(0, 0.1, 60)}
    table = pairwise(models, patients, rng(), rounds=999)
    assert tuple(table.columns) == PAIR_COLUMNS
    pairs = list(zip(table["model"], table["other"], strict=True))
    assert pairs == [("worse", "same"), ("worse", "again"), ("same", "again")]
    first, _, last = (row for _, row in table.iterrows())
    assert (first["mean_difference"], first["low"], first["high"]) == pytest.approx((1, 1, 1))
    assert first["p"] == 1 / 1000
    assert first["p_holm"] == pytest.approx(3 / 1000)
    assert (first["d_z"], first["rank_biserial"]) == (np.inf, 1)
    assert last["low"] < 0 < last["high"]
    assert last["p"] > 0.05


def test_pairs_may_flip_clip_by_clip() -> None:
    patients = np.repeat(["p", "q", "r"], 10).tolist()
    models = {"a": np.ones(30), "b": np.zeros(30)}
    whole = pairwise(models, patients, rng(), rounds=999)
    single = pairwise(models, patients, rng(), rounds=999, by_patient=False)
    assert whole["p"].item() == 2 / 8
    assert single["p"].item() == 1 / 1000


def test_one_model_has_nothing_to_differ_from() -> None:
    for ask in (kruskal_wallis, lambda one: pairwise(one, ["p", "q"], rng())):
        with pytest.raises(InputError, match="at least two models, got 1"):
            ask({"only": np.ones(2)})
