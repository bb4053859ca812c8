import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostfine.errors import FoldError
from rostfine.labels.folds import make_folds
from rostfine.params import FoldParams


def study(n_patients, per_patient, seed=0):
    rng = np.random.default_rng(seed)
    patients = [f"p{i}" for i in range(n_patients) for _ in range(per_patient)]
    modes = rng.choice(list("ABCDE"), size=len(patients), p=[0.1, 0.3, 0.5, 0.05, 0.05]).tolist()
    return [f"s{i}" for i in range(len(patients))], modes, patients


@given(st.integers(5, 30), st.integers(1, 6), st.integers(0, 99))
def test_no_patient_is_in_two_folds_and_every_sample_is_in_one(n_patients, per_patient, seed):
    samples, modes, patients = study(n_patients, per_patient, seed)
    folds = make_folds(samples, modes, patients, FoldParams("by_patient", k=5, seed=seed))
    assert folds["sample_id"].tolist() == samples
    assert set(folds["fold"]) == set(range(5))
    assert folds.assign(patient=patients).groupby("patient")["fold"].nunique().max() == 1


def test_modal_grades_are_spread_evenly_over_folds():
    samples, modes, patients = study(200, 3)
    folds = make_folds(samples, modes, patients, FoldParams("by_patient", k=5, seed=1))
    shares = folds.assign(c=np.array(modes) == "C").groupby("fold")["c"].mean()
    assert shares.max() - shares.min() < 0.03


def test_one_seed_gives_one_split_and_another_seed_another():
    a, b, c = (
        make_folds(*study(40, 3), FoldParams("by_patient", k=4, seed=s))["fold"].tolist()
        for s in (1, 1, 2)
    )
    assert a == b
    assert a != c


@pytest.mark.parametrize(("n_patients", "k"), [(3, 5), (5, 1)])
def test_fewer_patients_than_folds_are_refused(n_patients, k):
    message = (
        rf"folds.k: wanted from 2 folds to as many as there are patients \({n_patients}\), got {k}"
    )
    with pytest.raises(FoldError, match=message):
        make_folds(*study(n_patients, 4), FoldParams("by_patient", k=k, seed=0))


def test_grades_rarer_than_folds_are_split_without_strata():
    folds = make_folds(
        list("abcd"), list("ABCD"), list("pqrs"), FoldParams("by_patient", k=2, seed=0)
    )
    assert sorted(folds["fold"].value_counts()) == [2, 2]
