import numpy as np
import pandas as pd
import pytest

from rostfine.errors import FoldError, TableError
from rostfine.evaluation.tables import Truth, align, by_patient, gather_truth, zero_r
from rostfine.schemas import GRADE_COLUMNS

A, B, C, D, E = np.eye(5)


def small_truth() -> Truth:
    return Truth(
        ("s1", "s2", "s3", "s4"), np.stack([A, B, B, C]), np.array([0, 0, 1, 1]), tuple("pqrs")
    )


def test_zero_r_predicts_the_mean_of_the_other_folds_only() -> None:
    truth = small_truth()
    predicted = zero_r(truth.labels, truth.folds)
    assert predicted[:2] == pytest.approx(np.tile([0.0, 0.5, 0.5, 0.0, 0.0], (2, 1)))
    assert predicted[2:] == pytest.approx(np.tile([0.5, 0.5, 0.0, 0.0, 0.0], (2, 1)))


def test_zero_r_of_a_fold_does_not_move_with_the_labels_of_that_fold() -> None:
    truth = small_truth()
    others = truth.labels.copy()
    others[:2] = E
    before, after = zero_r(truth.labels, truth.folds), zero_r(others, truth.folds)
    assert (before[:2] == after[:2]).all()
    assert (before[2:] != after[2:]).any()


def test_one_fold_leaves_nothing_for_zero_r_to_learn_from() -> None:
    with pytest.raises(FoldError, match="at least two folds, got 1"):
        zero_r(np.stack([A, B]), np.array([3, 3]))


def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    labels = pd.DataFrame(np.stack([A, B]), columns=list(GRADE_COLUMNS)).assign(
        sample_id=["s1", "s2"]
    )
    folds = pd.DataFrame({"sample_id": ["s2", "s1"], "fold": [1, 0]})
    clips = pd.DataFrame({"sample_id": ["s0", "s1", "s2"], "patient_id": ["x", "y", "z"]})
    return labels, folds, clips


def test_truth_follows_the_order_of_the_fold_table() -> None:
    truth = gather_truth(*tables())
    assert truth.sample_ids == ("s2", "s1")
    assert truth.patients == ("z", "y")
    assert truth.labels == pytest.approx(np.stack([B, A]))
    assert truth.folds.tolist() == [1, 0]


def test_a_sample_without_a_label_is_named() -> None:
    labels, folds, clips = tables()
    with pytest.raises(TableError, match=r"labels.parquet: no row for 1 samples: s2"):
        gather_truth(labels[:1], folds, clips)


def test_predictions_are_put_in_the_order_of_the_truth() -> None:
    truth = gather_truth(*tables())
    predictions = tables()[0].assign(fold=[0, 1])
    assert align(predictions, truth, "x") == pytest.approx(np.stack([B, A]))


def test_predictions_of_other_folds_or_too_few_are_refused() -> None:
    truth = gather_truth(*tables())
    predictions = tables()[0].assign(fold=[1, 0])
    with pytest.raises(TableError, match=r"runs/x/predictions.parquet: 2 samples .* first 's2'"):
        align(predictions, truth, "x")
    with pytest.raises(TableError, match="no row for 1 samples: s2"):
        align(predictions[:1], truth, "x")


def test_predictions_and_labels_are_averaged_over_the_clips_of_a_patient() -> None:
    truth = Truth(("a", "b", "c"), np.stack([A, B, C]), np.array([1, 0, 1]), ("q", "p", "q"))
    found, averaged = by_patient({"x": np.stack([E, D, C])}, truth)
    assert averaged.patients == averaged.sample_ids == ("p", "q")
    assert averaged.folds.tolist() == [0, 1]
    assert averaged.labels == pytest.approx(np.stack([B, (A + C) / 2]))
    assert found["x"] == pytest.approx(np.stack([D, (E + C) / 2]))


def test_a_patient_that_folds_split_is_averaged_within_each() -> None:
    truth = Truth(("a", "b", "c"), np.stack([A, B, C]), np.array([0, 0, 1]), ("p", "p", "p"))
    _, averaged = by_patient({}, truth)
    assert averaged.patients == ("p", "p")
    assert averaged.labels == pytest.approx(np.stack([(A + B) / 2, C]))
