import numpy as np
import pandas as pd
import pytest

from rostfine.evaluation.comparison import compare, evaluate, tabulate_reliability
from rostfine.evaluation.definitions import METRIC_NAMES, compute_scores
from rostfine.evaluation.tables import ZERO_R, Truth, by_patient, zero_r

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


def clips(summary: pd.DataFrame) -> pd.DataFrame:
    return summary[summary["level"] == "sample"].set_index(["experiment", "metric"])


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


def test_the_summary_has_mean_and_sd_over_folds_and_zero_r_last() -> None:
    truth = random_truth()
    predictions = {"exact": truth.labels, "flat": np.full((60, 5), 0.2)}
    summary = compare(predictions, truth, np.random.default_rng(0), rounds=300)
    assert summary["level"].unique().tolist() == ["sample", "patient"]
    assert summary["experiment"].unique().tolist() == ["exact", "flat", ZERO_R]
    assert summary["metric"].unique().tolist() == list(METRIC_NAMES)
    by_fold = evaluate(predictions, truth)
    chosen = by_fold[(by_fold["experiment"] == "flat") & (by_fold["metric"] == "js")]["value"]
    row = clips(summary).loc[("flat", "js")]
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
    verdict = clips(summary)["verdict"]
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


def test_patients_are_compared_by_their_averages() -> None:
    truth = random_truth()
    predicted = np.random.default_rng(1).dirichlet(np.ones(5), size=60)
    summary = compare({"x": predicted}, truth, np.random.default_rng(0), rounds=100)
    row = summary.set_index(["level", "experiment", "metric"]).loc[("patient", "x", "macro_f1")]
    found, averaged = by_patient({"x": predicted}, truth)
    assert len(averaged.patients) == 20
    wanted = compute_scores(found["x"], averaged.labels)["macro_f1"].value()
    assert row["out_of_fold"] == pytest.approx(wanted)
    assert row["low"] <= wanted <= row["high"]


def test_a_metric_that_is_no_mean_is_taken_again_of_each_draw() -> None:
    truth = random_truth()
    predicted = np.random.default_rng(1).dirichlet(np.ones(5), size=60)
    summary = clips(compare({"x": predicted}, truth, np.random.default_rng(5), rounds=400))
    score = compute_scores(predicted, truth.labels)["macro_f1"]
    rng, drawn = np.random.default_rng(6), []
    for _ in range(400):
        chosen = rng.choice(20, 20)
        drawn.append(score.of(np.concatenate([np.arange(p, 60, 20) for p in chosen])).value())
    limits = np.quantile(drawn, [0.025, 0.975])
    assert summary.loc[("x", "macro_f1"), ["low", "high"]].tolist() == pytest.approx(
        limits.tolist(), abs=0.03
    )


def test_the_ceiling_stands_beside_every_experiment_of_its_level_and_is_nan_where_unknown() -> None:
    truth = random_truth()
    ceiling = pd.DataFrame(
        [("sample", "emd", 0.25), ("patient", "emd", 0.5)], columns=["level", "metric", "mean"]
    )
    summary = compare(
        {"exact": truth.labels}, truth, np.random.default_rng(0), rounds=20, ceiling=ceiling
    )
    rows = summary.set_index(["level", "experiment", "metric"])["ceiling"]
    for experiment in ("exact", ZERO_R):
        assert rows["sample", experiment, "emd"] == 0.25
        assert rows["patient", experiment, "emd"] == 0.5
        assert np.isnan(rows["sample", experiment, "mse"])


def test_every_experiment_has_a_reliability_curve() -> None:
    truth = random_truth()
    table = tabulate_reliability({"exact": truth.labels}, truth)
    assert table.groupby("experiment")["samples"].sum().to_dict() == {"exact": 60, ZERO_R: 60}
    exact = table[table["experiment"] == "exact"]
    assert (exact["accuracy"] == 1).all()
    assert exact["share"].to_numpy() == pytest.approx(exact["confidence"].to_numpy())
