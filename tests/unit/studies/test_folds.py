import numpy as np
import pytest

from rostfine.metrics import METRICS
from rostfine.studies.folds import PAPER_NOTE, tabulate
from rostfine.studies.papers import printed

OURS = "RoSTFine, α = 0"


def test_every_fold_has_its_row_and_a_model_is_better_where_its_distance_is_less(
    results_of, cell_of
):
    drawn = results_of("folds")
    # Exact in fold 0, equal in fold 1, turned around in fold 2.
    truth, other = drawn.truth, drawn.predictions["timesformer"]
    turned = np.where((truth.folds == 2)[:, None], truth.labels[:, ::-1], other)
    predicted = np.where((truth.folds == 0)[:, None], truth.labels, turned)
    results = results_of("folds", predicted={"rostfine_alpha_0": predicted})
    table, better, *_, mse, js = tabulate(results).tables
    assert [row[0] for row in table.texts()] == ["Fold", "1", "2", "3"]
    for metric, name, paper in (("mse", "MSE", 1.112), ("js", "JS", 4.293)):
        of_clips = METRICS[metric](other, truth.labels)
        found = cell_of(table, "2", f"TimeSformer, {name}")
        assert found["mean"] == pytest.approx(100 * of_clips[truth.folds == 1].mean())
        assert found["paper"] == paper
    assert cell_of(table, "1", f"{OURS}, MSE")[["mean", "paper"]].tolist() == [0, 1.090]
    assert cell_of(table, "3", f"{OURS}, JS")["paper"] == 4.558
    assert better.title.endswith("better than TimeSformer")
    for name in ("MSE", "JS"):
        assert cell_of(better, OURS, name)[["mean", "paper"]].tolist() == [1, 4]
    assert better.notes == ("Of 3 folds here, and of 5 in the paper; equal is not better",)
    assert (mse.name, js.name) == ("pairs_mse", "pairs_js")
    assert PAPER_NOTE in table.notes
    printed_there, means = printed("rostfine", "table_5"), printed("rostfine", "table_2")
    for name, metric in (("timesformer", "mse"), ("rostfine_alpha_0", "js")):
        average = np.mean(printed_there[name][metric])
        assert f"{average:.3f} against {means[name][metric][0]}" in PAPER_NOTE


def test_an_added_model_has_columns_and_a_count_but_no_numbers_of_the_paper(results_of, cell_of):
    added = results_of("features").study.experiments["gst"]
    results = results_of("folds", leave_out=("rostfine_alpha_0",), add={"mine": added})
    table, better, *_ = tabulate(results).tables
    assert np.isnan(cell_of(table, "1", f"{OURS}, MSE")["paper"])
    assert np.isnan(cell_of(better, OURS, "JS")["paper"])
