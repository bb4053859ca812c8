import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from rostfine.evaluation.calibration import (
    CalibrationError,
    bin_of,
    mode_calibration,
    reliability,
    vote_calibration,
)


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.dirichlet(np.ones(5), 400), rng.dirichlet(np.ones(5), 400)


def test_two_bins_worked_by_hand() -> None:
    # Three samples at .65 with one hit, one at .95 with a hit.
    found = CalibrationError(np.array([0.65, 0.65, 0.65, 0.95]), np.array([1.0, 0.0, 0.0, 1.0]))
    assert found.value() == pytest.approx(3 / 4 * (0.65 - 1 / 3) + 1 / 4 * 0.05)


def test_the_reliability_curve_is_scikit_learn_s(pair) -> None:
    hit = pair[0].argmax(axis=1) == pair[1].argmax(axis=1)
    accuracy, confidence = calibration_curve(hit, pair[0].max(axis=1), n_bins=10)
    table = reliability(*pair)
    np.testing.assert_allclose(table["accuracy"], accuracy, rtol=0, atol=1e-12)
    np.testing.assert_allclose(table["confidence"], confidence, rtol=0, atol=1e-12)
    assert table["samples"].sum() == 400
    assert ((table["low"] < table["confidence"]) & (table["confidence"] <= table["high"])).all()


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    assert bin_of(np.array([0.0, 0.5, 0.51, 1.0]), 10).tolist() == [0, 4, 5, 9]


@pytest.mark.parametrize(
    ("calibration", "right"), [(mode_calibration, "accuracy"), (vote_calibration, "share")]
)
def test_an_error_is_the_mean_gap_of_its_curve_weighted_by_samples(
    calibration, right, pair
) -> None:
    table = reliability(*pair)
    wanted = np.average((table[right] - table["confidence"]).abs(), weights=table["samples"])
    assert calibration(*pair).value() == pytest.approx(wanted, abs=1e-12)


def test_a_model_right_as_often_as_it_says_has_an_error_near_0() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.2, 1, 40_000)
    right = (rng.random(40_000) < confidence).astype(np.float64)
    assert CalibrationError(confidence, right).value() < 0.02
    assert CalibrationError(np.ones(3), np.zeros(3)).value() == 1


def test_exact_predictions_are_calibrated_by_votes_but_not_by_modes(pair) -> None:
    true = pair[1]
    assert vote_calibration(true, true).value() == pytest.approx(0, abs=1e-12)
    assert mode_calibration(true, true).value() == pytest.approx(1 - true.max(axis=1).mean())


def test_the_mode_is_the_better_of_equal_grades_on_both_sides() -> None:
    tie = np.array([[0.0, 0.4, 0.2, 0.4, 0.0]])
    b, d = np.eye(5)[[1]], np.eye(5)[[3]]
    assert mode_calibration(tie, b).right.tolist() == [1]
    assert mode_calibration(tie, d).right.tolist() == [0]
    assert vote_calibration(tie, 0.7 * b + 0.3 * d).right == pytest.approx([0.7])
    assert mode_calibration(tie, b).confidence == pytest.approx([0.4])
