import numpy as np
import pytest

from rostfine.metrics import published_js
from rostfine.studies.published import FLAT_NOTE, MARK_SAYS, tabulate
from rostfine.studies.tables import to_markdown


def test_deviations_are_held_against_the_paper_and_those_that_saw_the_test_fold_are_marked(
    results_of, cell_of
):
    drawn = results_of("published")
    results = results_of("published", predicted={"paper": drawn.truth.labels})
    values, _, _, mse, js, differences = tabulate(results).tables
    assert (mse.name, js.name) == ("differences_mse", "differences_js")
    marked = [row for row in values.cells["row"].unique() if row.endswith("†")]
    assert marked == ["selects_on_test_fold†", "published†"]
    assert f"† {MARK_SAYS}" in values.notes
    assert f"† {MARK_SAYS}" in differences.notes
    assert FLAT_NOTE in values.notes, "nothing is loaded"

    truth, predicted = results.truth, results.predictions["published"]
    by_clip = published_js(predicted, truth.labels)
    of_folds = [by_clip[truth.folds == fold].mean() for fold in range(3)]
    own = cell_of(values, "published†", "JS as its code prints it")
    assert own["mean"] == pytest.approx(100 * np.mean(of_folds))
    assert own["sd"] == pytest.approx(100 * np.std(of_folds))
    assert own["mean"] > cell_of(values, "published†", "JS (")["mean"]
    printed = values.cells[values.cells["column"].str.contains("code prints")]
    assert list(printed["row"]) == ["js_precedence", "published†"]

    assert list(differences.cells["row"].unique()) == [
        "token_order – paper",
        "last_layer_only – paper",
        "bare_branches – paper",
        "flat_positions – paper",
        "js_precedence – paper_js",
        "shifted_labels – paper",
        "selects_on_test_fold† – paper",
        "published† – paper",
    ]
    worse = cell_of(differences, "published† – paper", "EMD (")
    assert worse["mean"] == pytest.approx(
        100 * np.square((predicted - truth.labels).cumsum(axis=1)).sum(axis=1).mean()
    )
    assert worse["high"] > worse["mean"] > worse["low"] > 0
    # Of 2 ** 6 ways to flip the signs of 6 patients, all and none give as much.
    p = differences.cells[differences.cells["column"] == "p"]
    holm = differences.cells[differences.cells["column"] == "p, Holm"]
    assert p["mean"].min() == 2 / 2**6
    assert holm["mean"].min() == pytest.approx(8 * 2 / 2**6)


def test_without_the_experiment_of_the_paper_there_is_nothing_to_compare_with(results_of):
    left_out = ("paper", "published", "selects_on_test_fold", "flat_positions")
    results = results_of("published", leave_out=left_out)
    values, *_, differences = tabulate(results).tables
    assert "†" not in to_markdown(values)
    assert FLAT_NOTE not in values.notes
    assert list(differences.cells["row"].unique()) == ["js_precedence – paper_js"]
