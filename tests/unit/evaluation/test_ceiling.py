import numpy as np
import pandas as pd
import pytest

from rostfine.evaluation.ceiling import CEILING_COLUMNS, experts_ceiling
from rostfine.evaluation.definitions import METRIC_NAMES
from rostfine.evaluation.tables import Truth
from rostfine.schemas import GRADES


def truth_of(samples: int, per_patient: int = 1) -> Truth:
    names = tuple(f"s{i}" for i in range(samples))
    patients = tuple(f"P{i // per_patient}" for i in range(samples))
    return Truth(names, np.full((samples, 5), 0.2), np.arange(samples) % 2, patients)


def votes_of(grades: dict[str, list[int | None]]) -> pd.DataFrame:
    """The grade of each sample by each expert; none where there was no vote."""
    rows = [
        (f"s{i}", expert, GRADES[grade])
        for expert, given in grades.items()
        for i, grade in enumerate(given)
        if grade is not None
    ]
    return pd.DataFrame(rows, columns=["sample_id", "expert_id", "grade"])


def of_clips(ceiling: pd.DataFrame) -> pd.DataFrame:
    return ceiling[ceiling["level"] == "sample"].set_index("metric")


def test_experts_of_one_mind_are_0_apart_and_agree_wholly() -> None:
    votes = votes_of({f"E{k}": [0, 1, 2, 3] for k in range(6)})
    found = of_clips(experts_ceiling(votes, truth_of(4), np.random.default_rng(0), splits=3))
    assert (
        found.loc[["mse", "js", "emd", "grade_error", "ece", "vote_ece"], "mean"].tolist()
        == [0] * 6
    )
    assert found.loc[["hi", "macro_hi", "accuracy", "macro_f1"], "mean"].tolist() == [1] * 4
    assert (found["samples"] == 4).all()


def test_two_experts_one_grade_apart_have_a_grade_error_of_1_each_way() -> None:
    votes = votes_of({"E0": [0, 1, 2], "E1": [1, 2, 3]})
    found = of_clips(experts_ceiling(votes, truth_of(3), np.random.default_rng(0), splits=4))
    assert found.loc["grade_error", ["mean", "low", "high"]].tolist() == [1, 1, 1]
    assert found.loc["emd", "mean"] == 1
    assert found.loc["hi", "mean"] == 0


def test_halves_of_experts_that_vote_alike_at_random_differ_by_what_theory_says() -> None:
    # Halves of k votes of even grades: the MSE of two such shares is 2 * p * (1 - p) / k.
    rng = np.random.default_rng(3)
    votes = votes_of({f"E{k}": rng.integers(0, 5, 400).tolist() for k in range(20)})
    found = of_clips(experts_ceiling(votes, truth_of(400), rng, splits=10))
    assert found.loc["mse", "mean"] == pytest.approx(2 * 0.2 * 0.8 / 10, rel=0.05)


def test_a_sample_without_votes_enough_of_either_half_is_left_out() -> None:
    votes = votes_of({"E0": [0, 1, 2], "E1": [0, None, 2], "E2": [0, None, 2], "E3": [0, None, 2]})
    once, twice = (
        of_clips(
            experts_ceiling(
                votes, truth_of(3), np.random.default_rng(0), splits=5, least_votes=least
            )
        )
        for least in (1, 2)
    )
    assert (once["samples"] == 2).all()
    assert (twice["samples"] == 2).all()
    none = experts_ceiling(votes, truth_of(3), np.random.default_rng(0), splits=5, least_votes=3)
    assert none.empty
    assert tuple(none.columns) == CEILING_COLUMNS


def test_one_expert_cannot_be_halved() -> None:
    found = experts_ceiling(votes_of({"E0": [0, 1]}), truth_of(2), np.random.default_rng(0))
    assert found.empty


def test_the_clips_of_a_patient_are_averaged_before_they_are_compared() -> None:
    # On each clip the two are apart, on the patient's average they agree.
    votes = votes_of({"E0": [0, 1, 2, 2], "E1": [1, 0, 2, 2]})
    ceiling = experts_ceiling(votes, truth_of(4, 2), np.random.default_rng(0), splits=2)
    found = ceiling.set_index(["level", "metric"])
    assert found.loc[("sample", "hi"), "mean"] == 0.5
    assert found.loc[("patient", "hi"), "mean"] == 1
    assert found.loc[("patient", "hi"), "samples"] == 2


def test_every_metric_but_ce_has_a_ceiling_and_a_generator_gives_it_again() -> None:
    votes = votes_of({f"E{k}": [k % 5, 1, 2, (k + 1) % 5] for k in range(5)})
    first, again = (
        experts_ceiling(votes, truth_of(4), np.random.default_rng(7), splits=5) for _ in range(2)
    )
    pd.testing.assert_frame_equal(first, again)
    assert set(of_clips(first).index) == set(METRIC_NAMES) - {"ce"}
    assert np.isfinite(first["mean"]).all()


def test_votes_for_samples_without_a_fold_count_for_nothing() -> None:
    votes = votes_of({"E0": [0, 1, 4], "E1": [0, 1, 0]})
    found = of_clips(experts_ceiling(votes, truth_of(2), np.random.default_rng(0), splits=2))
    assert found.loc["hi", "mean"] == 1
