from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kruskal

from rostfine.evaluation.definitions import RANKS
from rostfine.metrics import METRICS, balanced_accuracy
from rostfine.studies.baselines import tabulate
from rostfine.studies.papers import printed
from rostfine.studies.tables import NOT_COMPARABLE

LEFT_OUT = ("r3d", "r2plus1d", "x3d", "i3d", "slowfast", "vivit", "rostfine_alpha_0")
EXACT, MINE = "RoSTFine, α = 1", "RoSTFine, α = 0.25"


@pytest.fixture
def results(results_of):
    exact = results_of("baselines")
    ours = exact.study.experiments["rostfine"]
    mine = replace(ours, loss=replace(ours.loss, alpha=0.25))
    again = exact.study.experiments["timesformer"]
    return results_of(
        "baselines",
        leave_out=LEFT_OUT,
        add={"mine": mine, "again": again},
        predicted={"rostfine": exact.truth.labels},
    )


def test_models_stand_beside_the_papers_numbers_and_are_tested_together_and_in_pairs(
    results, cell_of
):
    output = tabulate(results)
    tables = {table.name: table for table in output.tables}
    assert list(tables) == [
        "table_2",
        "table_2_clips",
        "table_2_patients",
        "table_2_published_order",
        "table_2_published_order_clips",
        "table_2_published_order_patients",
        "kruskal_wallis",
        "kruskal_wallis_clips",
        "pairs_mse",
        "pairs_js",
    ]
    table, published = tables["table_2"], tables["table_2_published_order"]
    rows = ["VGG16†", "TimeSformer", EXACT, MINE, "TimeSformer (again)", "ZeroR", "Experts"]
    assert list(table.cells["row"].unique()) == rows
    assert "† Sees the first frame only: the lower bound" in table.all_notes
    assert NOT_COMPARABLE in table.all_notes

    exact = cell_of(table, EXACT, "MSE")
    assert (exact["mean"], exact["paper"], exact["paper_sd"]) == (0, 1.104, 0.12)
    assert cell_of(table, EXACT, "BAcc mean")[["mean", "paper"]].tolist() == [100, 36.37]
    assert cell_of(table, "VGG16†", "JS")["paper"] == 5.628
    assert np.isnan(cell_of(table, MINE, "MSE")["paper"])

    truth, predicted = results.truth, results.predictions["vgg16"]
    for order, begins, ascending in ((table, "BAcc", False), (published, "published BAcc", True)):
        of_folds = [
            balanced_accuracy(predicted[chosen], truth.labels[chosen], 1, ascending=ascending)
            for chosen in (truth.folds == fold for fold in range(3))
        ]
        found = cell_of(order, "VGG16†", f"{begins} 1st")
        assert found["mean"] == pytest.approx(100 * np.mean(of_folds))
        assert found["paper"] == 26.49

    of_clips = {n: METRICS["js"](p, truth.labels) for n, p in results.predictions.items()}
    of_folds = {
        n: [values[truth.folds == fold].mean() for fold in range(3)]
        for n, values in of_clips.items()
    }
    for name, values in (("kruskal_wallis", of_folds), ("kruskal_wallis_clips", of_clips)):
        found = tables[name]
        assert list(found.cells["row"].unique()) == [
            "All 5 models",
            *(f"{ours} – {o}" for ours in (EXACT, MINE) for o in (rows[0], rows[1], rows[4])),
        ]
        h, p = kruskal(*values.values())
        assert cell_of(found, "All 5 models", "JS: H")["mean"] == pytest.approx(h)
        h, p = kruskal(values["mine"], values["vgg16"])
        assert cell_of(found, f"{MINE} – VGG16†", "JS: p")["mean"] == pytest.approx(p)

    pairs = [tables["pairs_mse"], tables["pairs_js"]]
    assert [table.title for table in pairs] == [
        f"Every two models on the same clips, by {name}" for name in ("MSE", "JS")
    ]
    better = cell_of(pairs[0], f"TimeSformer – {EXACT}", "MSE")
    assert better["mean"] > better["low"] > 0

    (figure,) = output.figures
    for label in (*rows[:5], "ZeroR", "Experts"):
        assert f">{label}<" in figure.svg_file
    assert f"{EXACT} 0.000" in figure.says


def test_the_printed_averages_are_those_of_the_printed_balanced_accuracies():
    for name, line in printed("rostfine", "table_2").items():
        mean = np.mean([line[f"bacc_{rank}"][0] for rank in RANKS])
        assert line["bacc_mean"][0] == pytest.approx(mean, abs=0.011), name
