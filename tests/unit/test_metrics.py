import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.special import entr, rel_entr
from sklearn.metrics import balanced_accuracy_score

from rostfine.losses import LOSSES
from rostfine.metrics import METRICS, balanced_accuracy, grade_error, hi

ALL_A = [1.0, 0, 0, 0, 0]
ALL_E = [0.0, 0, 0, 0, 1]
EVEN = [0.2] * 5


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    return rng.dirichlet(np.ones(5), 300), rng.dirichlet(np.ones(5), 300)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("mse", [0.4, 0.0, (0.8**2 + 4 * 0.2**2) / 5]),
        ("js", [np.log(2), 0.0, (np.log(5 / 3) + 0.2 * np.log(1 / 3) + 0.8 * np.log(2)) / 2]),
        ("emd", [4.0, 0.0, 0.8**2 + 0.6**2 + 0.4**2 + 0.2**2]),
    ],
)
def test_metrics_of_three_samples_worked_by_hand(name, values):
    predicted, true = np.array([ALL_A, ALL_E, EVEN]), np.array([ALL_E, ALL_E, ALL_A])
    assert METRICS[name](predicted, true) == pytest.approx(values, abs=1e-12)


def test_ce_is_scipy_s_relative_entropy_plus_the_entropy_and_a_lost_grade_costs_16_nats(pair):
    predicted, true = pair
    theirs = rel_entr(true, predicted).sum(axis=1) + entr(true).sum(axis=1)
    np.testing.assert_allclose(METRICS["ce"](predicted, true), theirs, rtol=0, atol=1e-12)
    # Single precision tells no probability below 2 ** -23 from none.
    lost = METRICS["ce"](np.array([ALL_A, ALL_A]), np.array([ALL_A, ALL_E]))
    assert lost == pytest.approx([0, 23 * np.log(2)])


def test_hi_is_the_share_that_both_have():
    predicted, true = np.array([ALL_A, EVEN, EVEN]), np.array([ALL_E, EVEN, ALL_A])
    assert hi(predicted, true) == pytest.approx([0, 1, 0.2])


def test_the_grade_error_is_how_far_the_mean_grade_is_off_either_way():
    predicted = np.array([ALL_A, ALL_E, EVEN, [0.0, 0.5, 0, 0.5, 0]])
    true = np.array([ALL_E, ALL_A, ALL_A, [0.0, 0, 1, 0, 0]])
    assert grade_error(predicted, true) == pytest.approx([4, 4, 2, 0])


def test_js_is_the_square_of_scipy_s_distance(pair):
    theirs = jensenshannon(*pair, axis=1) ** 2
    np.testing.assert_allclose(METRICS["js"](*pair), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_the_mean_of_a_metric_is_the_loss_of_the_same_name(name, pair):
    loss = LOSSES[name](*map(torch.from_numpy, pair)).item()
    assert METRICS[name](*pair).mean() == pytest.approx(loss, abs=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_float32_is_measured_in_float64_and_arguments_stay_as_they_are(name, pair):
    predicted, true = (array.astype(np.float32) for array in pair)
    before = predicted.copy()
    found = METRICS[name](predicted, true)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(
        found, METRICS[name](predicted.astype(np.float64), true.astype(np.float64))
    )
    np.testing.assert_array_equal(predicted, before)


@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5])
def test_balanced_accuracy_is_scikit_learn_s_of_the_rank_th_grade(rank, pair):
    predicted, true = pair
    guess, truth = (np.argsort(-array, axis=1)[:, rank - 1] for array in (predicted, true))
    ours = balanced_accuracy(predicted, true, rank)
    assert ours == pytest.approx(balanced_accuracy_score(truth, guess), abs=1e-12)


def test_rank_1_is_the_most_selected_grade_and_5_the_least():
    true = np.array([[0.4, 0.3, 0.15, 0.1, 0.05]])
    predicted = np.array([[0.4, 0.05, 0.15, 0.1, 0.3]])
    ranks = [balanced_accuracy(predicted, true, rank) for rank in (1, 2, 3, 4, 5)]
    assert ranks == [1, 0, 1, 1, 0]


def test_recall_2_of_3_in_one_grade_and_1_of_1_in_another_average_5_sixths():
    a, b = ALL_A, [0.0, 1, 0, 0, 0]
    true, predicted = np.array([a, a, a, b]), np.array([a, a, b, b])
    assert balanced_accuracy(predicted, true) == pytest.approx(5 / 6)


def test_of_equally_selected_grades_the_better_comes_first():
    tie = np.array([[0.0, 0.5, 0, 0.5, 0]])
    b, d = np.array([[0.0, 1, 0, 0, 0]]), np.array([[0.0, 0, 0, 1, 0]])
    assert balanced_accuracy(b, tie, 1) == 1
    assert balanced_accuracy(d, tie, 1) == 0
    # Of the three zeros left over, A, C and E are third, fourth and fifth.
    assert balanced_accuracy(np.array([[0.1, 0.4, 0.06, 0.4, 0.04]]), tie, 5) == 1


def test_ascending_counts_from_the_least_selected_and_of_equals_still_takes_the_better_first():
    true = np.array([[0.0, 0.5, 0, 0.5, 0]])
    # The least of three zeros is A; the most of two halves is D, the second of them.
    assert balanced_accuracy(np.array([[0.0, 0.4, 0.1, 0.3, 0.2]]), true, 1, ascending=True) == 1
    assert balanced_accuracy(np.array([[0.1, 0.2, 0.1, 0.6, 0]]), true, 5, ascending=True) == 1
    assert balanced_accuracy(np.array([[0.1, 0.6, 0.1, 0.2, 0]]), true, 5, ascending=True) == 0
