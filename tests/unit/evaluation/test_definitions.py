import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from rostfine.evaluation.definitions import (
    GROUPS,
    METRIC_NAMES,
    SMALLER_IS_BETTER,
    compute_scores,
)
from rostfine.metrics import balanced_accuracy
from rostfine.schemas import GRADES

A, B, C, D, E = np.eye(5)


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.dirichlet(np.ones(5), 60), rng.dirichlet(np.full(5, 0.4), 60)


def values(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    return {name: score.value() for name, score in compute_scores(predicted, true).items()}


def test_balanced_accuracy_is_that_of_the_metrics_room_in_both_orders(pair) -> None:
    found = values(*pair)
    for prefix, ascending in (("", False), ("published_", True)):
        wanted = [balanced_accuracy(*pair, rank, ascending=ascending) for rank in range(1, 6)]
        assert [found[f"{prefix}bacc_{rank}"] for rank in range(1, 6)] == pytest.approx(wanted)
        assert found[f"{prefix}bacc_mean"] == pytest.approx(np.mean(wanted))


def test_the_published_1st_is_the_5th_where_no_grades_tie_and_of_ties_the_better_is_first() -> None:
    true = np.array([[0.4, 0.3, 0.15, 0.1, 0.05]])
    predicted = np.array([[0.4, 0.05, 0.15, 0.1, 0.3]])
    found = values(predicted, true)
    assert [found[f"published_bacc_{rank}"] for rank in range(1, 6)] == [
        found[f"bacc_{6 - rank}"] for rank in range(1, 6)
    ]
    # Of a one-hot label the four zeros tie: A is least selected in one order, E in the other.
    assert values(np.array([[0.0, 0.1, 0.2, 0.3, 0.4]]), C[None])["published_bacc_1"] == 1
    assert values(np.array([[0.4, 0.3, 0.2, 0.1, 0.0]]), C[None])["bacc_5"] == 1


def test_accuracy_and_f1_of_the_mode_are_scikit_learn_s(pair) -> None:
    guess, truth = (array.argmax(axis=1) for array in pair)
    found = values(*pair)
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, guess))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, guess, average="macro"))


def test_hi_its_macro_mean_and_its_segments_worked_by_hand() -> None:
    true = np.stack([A, A, A, A, B])
    predicted = np.stack([share * A + (1 - share) * C for share in (1.0, 0.8, 0.6, 0.4, 0.0)])
    found = values(predicted, true)
    assert found["hi"] == pytest.approx((1 + 0.8 + 0.6 + 0.4 + 0) / 5)
    assert found["macro_hi"] == pytest.approx((0.7 + 0) / 2)
    # Of 0, .4, .6, .8 and 1 the best quarter reaches .8, half .6 and three quarters .4.
    assert [found[f"hi_top{top}"] for top in (25, 50, 75)] == pytest.approx([0.8, 0.6, 0.4])
    # Of grade A alone .85, .7 and .55; of grade B always 0.
    macro = [found[f"macro_hi_top{top}"] for top in (25, 50, 75)]
    assert macro == pytest.approx([0.425, 0.35, 0.275])


def test_every_metric_has_a_name_and_a_place_and_only_distances_shrink() -> None:
    even = np.full((1, 5), 0.2)
    assert list(compute_scores(even, even)) == list(METRIC_NAMES)
    assert sum(map(len, GROUPS.values())) == len(METRIC_NAMES)
    assert {"mse", "js", "emd", "ce", "grade_error", "ece", "vote_ece"} == SMALLER_IS_BETTER


@settings(max_examples=30, deadline=None)
@given(
    modes=st.lists(st.integers(0, 4), min_size=1, max_size=12),
    confidence=st.floats(0.5, 1.0),
)
def test_equal_distributions_are_0_apart_and_agree_wholly(
    modes: list[int], confidence: float
) -> None:
    same = confidence * np.eye(5)[modes] + (1 - confidence) / len(GRADES)
    for name, value in values(same, same).items():
        if name == "ce":
            assert value >= -1e-9  # the entropy of the label
        elif name == "ece":
            assert value == pytest.approx(1 - same.max(axis=1).mean(), abs=1e-9)
        else:
            assert value == pytest.approx(float(name not in SMALLER_IS_BETTER), abs=1e-9), name
