import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score

from rostfine.evaluation.calibration import CalibrationError
from rostfine.evaluation.definitions import METRIC_NAMES, compute_scores
from rostfine.evaluation.scores import MacroF1, MacroMean, MacroQuantile, macro_mean


def test_a_macro_mean_counts_a_stratum_of_1_as_much_as_one_of_3() -> None:
    assert macro_mean(np.array([1.0, 1.0, 1.0, 0.0]), np.array([2, 2, 2, 4])).value() == 0.5


def test_a_stratum_that_a_round_did_not_draw_is_left_out() -> None:
    weights = np.array([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    values, strata = np.array([1.0, 0.5]), np.array([0, 1])
    for score in (macro_mean(values, strata), MacroQuantile(values, strata, 0.5)):
        assert score.resampled(weights) == pytest.approx([1.0, 0.5, 0.75])


def test_parts_are_averaged_whatever_their_strata() -> None:
    score = MacroMean(
        np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]), np.array([[0, 1, 1], [0, 0, 0]])
    )
    assert score.value() == pytest.approx((0.5 + 2 / 3) / 2)


def test_the_f1_of_5_samples_worked_by_hand() -> None:
    # Grade 0: 2 hits of 3 guessed and 2 true; 1: 1 of 1 and 2; 2: 0 of 1 and 1; 3: never met.
    found = MacroF1(guess=np.array([0, 0, 0, 1, 2]), truth=np.array([0, 0, 1, 1, 4]))
    assert found.value() == pytest.approx((2 * 2 / 5 + 2 * 1 / 3 + 0 + 0) / 4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), samples=st.integers(1, 40))
def test_f1_and_balanced_accuracy_are_scikit_learn_s_of_the_samples_as_often_as_drawn(
    seed: int, samples: int
) -> None:
    rng = np.random.default_rng(seed)
    guess, truth = rng.integers(0, 5, samples), rng.integers(0, 5, samples)
    counts = rng.multinomial(samples, np.full(samples, 1 / samples), size=3)
    f1 = MacroF1(guess, truth).resampled(counts.astype(np.float64))
    recall = macro_mean(guess == truth, truth).resampled(counts.astype(np.float64))
    for round_, count in enumerate(counts):
        drawn = np.repeat(truth, count), np.repeat(guess, count)
        assert f1[round_] == pytest.approx(f1_score(*drawn, average="macro"))
        # Of one grade only, or of guesses that are never true, scikit-learn warns.
        warns = len(np.unique(drawn[0])) == 1 or not np.isin(drawn[1], drawn[0]).all()
        assert warns or recall[round_] == pytest.approx(balanced_accuracy_score(*drawn))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), samples=st.integers(1, 30), level=st.floats(0, 1))
def test_a_quantile_is_numpy_s_of_the_samples_as_often_as_drawn(
    seed: int, samples: int, level: float
) -> None:
    rng = np.random.default_rng(seed)
    values, strata = rng.integers(0, 9, samples) / 8, rng.integers(0, 3, samples)
    counts = rng.multinomial(samples, np.full(samples, 1 / samples), size=3)
    found = MacroQuantile(values, strata, level).resampled(counts.astype(np.float64))
    for round_, count in enumerate(counts):
        drawn, of = np.repeat(values, count), np.repeat(strata, count)
        wanted = np.mean([np.quantile(drawn[of == one], level) for one in np.unique(of)])
        assert found[round_] == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_weights_of_whole_numbers_are_samples_that_stand_there_so_often(metric: str) -> None:
    rng = np.random.default_rng(4)
    predicted, true = rng.dirichlet(np.ones(5), 40), rng.dirichlet(np.ones(5), 40)
    counts = rng.multinomial(40, np.full(40, 1 / 40))
    rows = np.repeat(np.arange(40), counts)
    weighted = compute_scores(predicted, true)[metric].resampled(counts[None].astype(np.float64))
    repeated = compute_scores(predicted[rows], true[rows])[metric]
    assert weighted[0] == pytest.approx(repeated.value(), abs=1e-12)
    assert compute_scores(predicted, true)[metric].of(rows).value() == pytest.approx(weighted[0])


def test_a_part_keeps_what_is_no_array() -> None:
    found = CalibrationError(np.array([0.5, 0.9]), np.array([1.0, 0.0]), 7)
    assert found.of(np.array([1])).bins == 7
