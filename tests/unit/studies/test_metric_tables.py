from dataclasses import replace

import numpy as np
import pytest

from rostfine.evaluation.definitions import METRIC_NAMES
from rostfine.metrics import METRICS
from rostfine.studies.metric_tables import metric_tables
from rostfine.studies.pairs import pairs_of
from rostfine.studies.papers import printed_of
from rostfine.studies.parts import column_of


def test_beside_folds_stand_all_clips_and_all_patients_with_intervals_zero_r_and_the_experts(
    results_of, cell_of
):
    results = results_of("aggregation", leave_out=("sum",))
    tables = metric_tables(results, "t", "T", {"concat": "Concat"}, ("mse", "ce"))
    assert [(one.name, one.title) for one in tables] == [
        ("t", "T"),
        ("t_clips", "T; all clips at once"),
        ("t_patients", "T; by patient"),
    ]
    for table in tables:
        assert list(table.cells["row"].unique()) == ["Concat", "separate", "ZeroR", "Experts"]
        assert cell_of(table, "Experts", "MSE")["mean"] > 0
    folds, clips, patients = (cell_of(table, "Concat", "MSE") for table in tables)
    assert folds["sd"] > 0
    assert np.isnan(folds["low"])
    truth, predicted = results.truth, results.predictions["concat"]
    by_clip = METRICS["mse"](predicted, truth.labels)
    assert clips["mean"] == pytest.approx(100 * by_clip.mean())
    groups = [np.array(truth.patients) == name for name in sorted(set(truth.patients))]
    means = [np.stack([of[rows].mean(0) for rows in groups]) for of in (predicted, truth.labels)]
    assert patients["mean"] == pytest.approx(100 * METRICS["mse"](*means).mean())
    for found in (clips, patients):
        assert found["low"] < found["mean"] < found["high"]
    by_clip = METRICS["ce"](predicted, truth.labels)
    assert cell_of(tables[1], "Concat", "CE (nats)")["mean"] == pytest.approx(by_clip.mean())


def test_only_distances_that_the_papers_print_so_are_in_hundredths():
    headings = {metric: column_of(metric).heading for metric in METRIC_NAMES}
    assert [m for m, heading in headings.items() if "10⁻²" in heading] == ["mse", "js", "emd"]
    assert headings["ce"] == "CE (nats)"
    assert headings["grade_error"] == "Grade error (grades)"
    assert headings["ece"] == "ECE of mode (%)"
    assert {column_of(m).scale for m in ("ce", "grade_error")} == {1.0}
    assert {column_of(m).scale for m in ("mse", "ece", "bacc_1")} == {100.0}


@pytest.mark.parametrize(
    ("study", "item"),
    [
        ("baselines", "table_2"),
        ("features", "table_3"),
        ("aggregation", "table_4"),
        ("folds", "table_5"),
    ],
)
@pytest.mark.parametrize("setting", ["full", "smoke"])
def test_every_row_of_the_papers_tables_is_an_experiment_of_the_study(
    results_of, study, item, setting
):
    experiments = results_of(study, setting=setting).study.experiments
    assert set(printed_of(experiments, item)) == set(experiments)


def test_an_experiment_of_other_settings_than_the_papers_row_has_none_of_its_numbers(results_of):
    experiments = results_of("baselines").study.experiments
    ours, one = experiments["rostfine"], experiments["rostfine_alpha_0"]
    changed = {
        **experiments,
        "rostfine": replace(ours, loss=replace(ours.loss, alpha=0.25)),
        "rostfine_alpha_0": replace(one, model=replace(one.model, use_feat=("s",))),
        "vgg16": experiments["timesformer"],
    }
    missing = set(experiments) - set(printed_of(changed, "table_2"))
    assert missing == {"rostfine", "rostfine_alpha_0", "vgg16"}


def test_p_of_given_pairs_is_corrected_for_their_number_only(results_of, cell_of):
    results = results_of("aggregation")
    values = {
        name: METRICS["mse"](predicted, results.truth.labels)
        for name, predicted in {**results.predictions, "exact": results.truth.labels}.items()
    }
    pairs = [("sum", "exact"), ("concat", "exact")]
    (table,) = pairs_of(results, "pairs", "mse", values, title="Pairs", pairs=pairs)
    assert list(table.cells["row"].unique()) == ["sum – exact", "concat – exact"]
    for row in ("sum – exact", "concat – exact"):
        p, corrected = (table.cells[table.cells["column"] == c] for c in ("p", "p, Holm"))
        assert p[p["row"] == row]["mean"].item() == 2 / 2**6
        assert corrected[corrected["row"] == row]["mean"].item() == 2 * 2 / 2**6
    assert pairs_of(results, "pairs", "mse", values, title="Pairs", pairs=[]) == ()
