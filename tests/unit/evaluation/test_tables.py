import numpy as np
import pandas as pd
import pytest

from rostfine.errors import FoldError, TableError
from rostfine.evaluation.tables import (
    METRIC_NAMES,
    ZERO_R,
    Truth,
    align,
    compare,
    compute_scores,
    evaluate,
    flatten,
    gather_truth,
    to_markdown,
    zero_r,
)
from rostfine.metrics import balanced_accuracy
from rostfine.schemas import GRADE_COLUMNS

A, B, C, D, E = np.eye(5)


def small_truth() -> Truth:
    return Truth(
        ("s1", "s2", "s3", "s4"), np.stack([A, B, B, C]), np.array([0, 0, 1, 1]), tuple("pqrs")
    )


def random_truth(count: int = 60) -> Truth:
    rng = np.random.default_rng(0)
    labels = rng.dirichlet(np.full(5, 0.4), size=count)
    names = tuple(f"s{i}" for i in range(count))
    return Truth(names, labels, np.arange(count) % 5, tuple(f"P{i % 20}" for i in range(count)))


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


def test_metrics_by_fold_are_as_worked_by_hand() -> None:
    truth = small_truth()
    table = evaluate({"exact": truth.labels}, truth)
    value = table.set_index(["experiment", "metric", "fold"])["value"].sort_index()
    assert (value.loc["exact", "mse"] == 0).all()
    assert (value.loc["exact", "bacc_1"] == 1).all()
    # Fold 0: A and B against (0, .5, .5, 0, 0).
    assert value.loc[ZERO_R, "mse", 0] == pytest.approx(((1 + 0.25 + 0.25) + (0.25 + 0.25)) / 5 / 2)
    # Cumulated, A is off by 1 and .5, B by .5 at B.
    assert value.loc[ZERO_R, "emd", 0] == pytest.approx(((1 + 0.25) + 0.25) / 2)
    # Of A and B, the constant guess B finds B only.
    assert value.loc[ZERO_R, "bacc_1", 0] == 0.5


def test_balanced_accuracy_is_that_of_the_metrics_room_at_every_rank() -> None:
    truth = random_truth()
    predicted = np.random.default_rng(1).dirichlet(np.ones(5), size=60)
    scores = compute_scores(predicted, truth.labels)
    wanted = [balanced_accuracy(predicted, truth.labels, rank) for rank in (1, 2, 3, 4, 5)]
    assert [scores[f"bacc_{rank}"].mean() for rank in (1, 2, 3, 4, 5)] == pytest.approx(wanted)
    assert scores["bacc_mean"].mean() == pytest.approx(np.mean(wanted))


def test_the_summary_has_mean_and_sd_over_folds_and_zero_r_last() -> None:
    truth = random_truth()
    predictions = {"exact": truth.labels, "flat": np.full((60, 5), 0.2)}
    summary = compare(predictions, truth, np.random.default_rng(0), rounds=300)
    assert summary["experiment"].unique().tolist() == ["exact", "flat", ZERO_R]
    assert summary["metric"].unique().tolist() == list(METRIC_NAMES)
    by_fold = evaluate(predictions, truth)
    chosen = by_fold[(by_fold["experiment"] == "flat") & (by_fold["metric"] == "js")]["value"]
    row = summary.set_index(["experiment", "metric"]).loc[("flat", "js")]
    assert row["mean"] == pytest.approx(chosen.mean())
    assert row["sd"] == pytest.approx(chosen.std(ddof=0))
    assert row["low"] < row["out_of_fold"] < row["high"]


def test_exact_predictions_are_better_than_zero_r_reversed_ones_worse_itself_undecided() -> None:
    truth = random_truth()
    predictions = {
        "exact": truth.labels,
        "reversed": truth.labels[:, ::-1].copy(),
        "same": zero_r(truth.labels, truth.folds),
    }
    summary = compare(predictions, truth, np.random.default_rng(0), rounds=300)
    verdict = summary.set_index(["experiment", "metric"])["verdict"]
    for metric in ("mse", "js", "emd", "bacc_1"):
        assert verdict["exact", metric] == "better"
        assert verdict["same", metric] == "undecided"
    assert verdict["reversed", "emd"] == "worse"
    assert (verdict[ZERO_R] == "").all()


def test_the_difference_to_zero_r_is_the_mean_over_samples_not_over_folds() -> None:
    truth = Truth(("a", "b", "c"), np.stack([A, B, B]), np.array([0, 0, 1]), ("p", "q", "r"))
    row = compare({"exact": truth.labels}, truth, np.random.default_rng(0), rounds=50).iloc[0]
    # ZeroR gives B to a and b, and half A, half B to c: MSE .4, 0 and .1.
    assert row["minus_zero_r"] == pytest.approx(-(0.4 + 0.0 + 0.1) / 3)


def test_flat_metrics_are_named_experiment_metric_statistic() -> None:
    truth = random_truth()
    summary = compare({"exact": truth.labels}, truth, np.random.default_rng(0), rounds=50)
    flat = flatten(summary)
    assert len(flat) == 2 * 9 * 8
    assert flat["exact.mse.mean"] == 0
    assert flat["exact.bacc_1.out_of_fold"] == 1
    assert flat["exact.mse.minus_zero_r"] == -flat["ZeroR.mse.out_of_fold"]


def test_markdown_has_a_row_per_experiment_with_mean_and_sd() -> None:
    truth = random_truth()
    summary = compare({"exact": truth.labels}, truth, np.random.default_rng(0), rounds=50)
    text = to_markdown(summary, ("mse", "bacc_1"))
    row = summary.set_index(["experiment", "metric"]).loc[(ZERO_R, "mse")]
    assert "| exact | 0.0000 ± 0.0000 | 1.0000 ± 0.0000 |" in text
    assert f"| ZeroR | {row['mean']:.4f} ± {row['sd']:.4f} |" in text
    assert "BAcc 2nd" not in text


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
