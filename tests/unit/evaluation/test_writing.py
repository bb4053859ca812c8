import numpy as np
import pandas as pd
import pytest

from rostfine.evaluation.comparison import compare
from rostfine.evaluation.definitions import MAIN_METRICS, METRIC_NAMES
from rostfine.evaluation.tables import ZERO_R, Truth
from rostfine.evaluation.writing import flatten, to_markdown, two_tables

CEILING = pd.DataFrame(
    [("sample", "emd", 0.25), ("patient", "emd", 0.125), ("patient", "hi_top25", 0.75)],
    columns=["level", "metric", "mean"],
)


def summarise(ceiling: pd.DataFrame | None = None) -> pd.DataFrame:
    labels = np.random.default_rng(0).dirichlet(np.full(5, 0.4), size=60)
    names, patients = (
        tuple(f"{kind}{i % n}" for i in range(60)) for kind, n in (("s", 60), ("P", 20))
    )
    truth = Truth(names, labels, np.arange(60) % 5, patients)
    return compare({"exact": labels}, truth, np.random.default_rng(0), rounds=50, ceiling=ceiling)


def of_clips(summary: pd.DataFrame) -> pd.DataFrame:
    return summary[summary["level"] == "sample"]


def test_flat_metrics_are_named_experiment_metric_statistic() -> None:
    flat = flatten(summarise())
    assert len(flat) == 2 * (len(METRIC_NAMES) * 8 + len(MAIN_METRICS) * 3)
    assert flat["exact.mse.mean"] == 0
    assert flat["exact.bacc_1.out_of_fold"] == 1
    assert flat["exact.patient_hi.low"] == pytest.approx(1)
    assert flat["exact.mse.minus_zero_r"] == -flat["ZeroR.mse.out_of_fold"]


def test_two_experiments_and_ten_folds_fit_into_one_request_of_a_registry() -> None:
    # MLflow takes 1000 numbers at once: every fold, and what is flat of a model and of ZeroR.
    assert len(METRIC_NAMES) * 10 + len(flatten(summarise())) < 1000


def test_the_flat_ceiling_is_an_experiment_of_its_own_without_what_is_unknown() -> None:
    flat = flatten(summarise(CEILING))
    experts = {name: value for name, value in flat.items() if name.startswith("Experts.")}
    # Of patients only the main metrics are told, and a segment of HI is none.
    assert experts == {"Experts.emd.out_of_fold": 0.25, "Experts.patient_emd.out_of_fold": 0.125}


def test_a_table_has_a_row_per_experiment_with_mean_and_sd() -> None:
    summary = of_clips(summarise())
    text = two_tables(summary, {"mse": "MSE", "bacc_1": "BAcc 1st"})
    row = summary.set_index(["experiment", "metric"]).loc[(ZERO_R, "mse")]
    assert "| exact | 0.0000 ± 0.0000 | 1.0000 ± 0.0000 |" in text
    assert f"| ZeroR | {row['mean']:.4f} ± {row['sd']:.4f} |" in text
    assert "BAcc 2nd" not in text
    assert "Experts" not in text


def test_the_experts_are_the_last_row_blank_where_unknown() -> None:
    text = two_tables(of_clips(summarise(CEILING)), {"emd": "EMD", "mse": "MSE"})
    first, _ = text.split("Out of fold")
    assert first.strip().splitlines()[-1].split() == ["|", "Experts", "|", "0.2500", "|", "|"]


def test_the_whole_summary_tells_every_metric_of_clips_and_then_of_patients() -> None:
    clips, patients = to_markdown(summarise()).split("# Per patient")
    assert clips.startswith("# Per clip")
    for part in (clips, patients):
        assert all(f"| {name} " in part for name in METRIC_NAMES.values())
