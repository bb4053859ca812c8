import numpy as np
import pytest

from rostfine.errors import InputError
from rostfine.evaluation.scores import plain_mean
from rostfine.evaluation.statistics import (
    Interval,
    bootstrap_difference,
    bootstrap_mean,
    draw_patients,
    interval,
    over_folds,
)


def names(count: int) -> list[str]:
    return [f"P{i:04d}" for i in range(count)]


def test_1000_standard_normal_patients_give_an_interval_of_1_96_standard_errors() -> None:
    values = np.random.default_rng(3).normal(size=1000)
    found = bootstrap_mean(values, names(1000), np.random.default_rng(0), rounds=4000)
    standard_error = values.std() / np.sqrt(1000)
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * standard_error, abs=0.003)
    assert found.high == pytest.approx(values.mean() + 1.96 * standard_error, abs=0.003)


def test_two_patients_of_values_0_and_1_give_the_interval_0_to_1() -> None:
    found = bootstrap_mean(np.array([0.0, 1.0]), ["a", "b"], np.random.default_rng(0))
    assert found == Interval(mean=0.5, low=0.0, high=1.0)


def test_patients_are_drawn_not_clips_so_100_equal_clips_of_each_widen_nothing() -> None:
    one_each = np.array([0.0, 1.0, 2.0, 3.0])
    alone = bootstrap_mean(one_each, names(4), np.random.default_rng(5))
    many = bootstrap_mean(
        np.repeat(one_each, 100), np.repeat(names(4), 100).tolist(), np.random.default_rng(5)
    )
    assert many == alone


def test_a_patient_with_3_clips_weighs_3_times_as_much() -> None:
    weights = draw_patients(["a", "a", "a", "b"], 500, np.random.default_rng(1))
    once_each = weights[:, 0] == weights[:, 3]
    assert (weights[:, 0] == weights[:, 2]).all()
    score = plain_mean(np.array([1.0, 1.0, 1.0, 0.0]))
    assert score.value() == 0.75
    assert score.resampled(weights)[once_each] == pytest.approx(0.75)


def test_a_constant_gap_of_0_1_has_an_interval_of_no_width_though_both_vary() -> None:
    values = np.random.default_rng(2).normal(size=50)
    found = bootstrap_difference(values - 0.1, values, names(50), np.random.default_rng(0))
    assert (found.mean, found.low, found.high) == pytest.approx((-0.1, -0.1, -0.1))
    assert found.excludes_zero


def test_an_interval_over_zero_does_not_exclude_it() -> None:
    assert not Interval(mean=-0.1, low=-0.3, high=0.1).excludes_zero
    assert Interval(mean=0.2, low=0.1, high=0.3).excludes_zero


def test_the_same_generator_state_gives_the_same_interval() -> None:
    values = np.arange(20.0)
    first = bootstrap_mean(values, names(20), np.random.default_rng(9))
    assert first == bootstrap_mean(values, names(20), np.random.default_rng(9))
    assert first != bootstrap_mean(values, names(20), np.random.default_rng(10))


def test_a_wider_coverage_gives_a_wider_interval() -> None:
    weights = draw_patients(names(30), 2000, np.random.default_rng(0))
    score = plain_mean(np.arange(30.0))
    narrow, wide = interval(score, weights, coverage=0.5), interval(score, weights, coverage=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_one_patient_cannot_be_resampled() -> None:
    with pytest.raises(InputError, match="at least two patients, got 1"):
        draw_patients(["a", "a"], 10, np.random.default_rng(0))


def test_the_spread_of_1_2_3_over_folds_divides_by_3_not_by_2() -> None:
    spread = over_folds(np.array([1.0, 2.0, 3.0]))
    assert spread.mean == 2.0
    assert spread.sd == pytest.approx(np.sqrt(2 / 3))
