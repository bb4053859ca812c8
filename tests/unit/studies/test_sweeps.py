import re
from dataclasses import replace

import pytest

from rostfine.errors import InputError
from rostfine.metrics import METRICS
from rostfine.studies.sweeps import tabulate

COSINES = [{"gs": 0.6, "gt": 0.5, "st": 0.4}, {"gs": 0.3, "gt": 0.2, "st": 0.1}]


def test_each_sweep_holds_the_experiments_that_differ_in_its_setting_alone(
    results_of, save_history, cell_of
):
    full = results_of("sweeps").study.experiments
    alpha_2 = replace(full["alpha_1"], loss=replace(full["alpha_1"].loss, alpha=2.0))
    results = results_of("sweeps", add={"alpha_2": alpha_2})
    save_history(results, "alpha_1", COSINES)
    output = tabulate(results)
    alpha, top_k, *_ = output.tables
    shown = [[row[0] for row in table.texts()[1:]] for table in (alpha, top_k)]
    assert shown == [
        ["0", "0.01", "0.05", "0.1", "0.5", "1", "1.5", "2"],
        ["1", "2", "3", "5", "10", "20", "40", "60"],
    ]
    assert alpha.title == "MSE by α, with K = 3"
    assert top_k.title == "MSE by K, with α = 1"
    of_clips = METRICS["mse"](results.predictions["k_20"], results.truth.labels)
    assert cell_of(top_k, "20", "MSE")["mean"] == pytest.approx(100 * of_clips.mean())

    (figure,) = output.figures
    for text in (
        "By α, with K = 3",
        "By K, with α = 1",
        "Features, α = 1",
        "v_g, v_s",
        "1.5",
        "60",
    ):
        assert f">{text}<" in figure.svg_file
    # The mean over folds, which are 0, 0.1 and 0.2 above what was written.
    assert "v_g, v_s 0.70 to 0.40; v_g, v_t 0.60 to 0.30; v_s, v_t 0.50 to 0.20" in figure.says


def test_the_cosines_are_of_the_alpha_nearest_to_the_papers_among_those_that_are_left(
    results_of, save_history
):
    results = results_of("sweeps", setting="smoke", leave_out=("alpha_1",))
    save_history(results, "alpha_0_5", COSINES)
    output = tabulate(results)
    alpha, top_k, *_ = output.tables
    assert [row[0] for row in alpha.texts()[1:]] == ["0", "0.1", "0.5"], "0.1 is that of k_3"
    assert [row[0] for row in top_k.texts()[1:]] == ["1", "3", "10"]
    assert ">Features, α = 0.5<" in output.figures[0].svg_file


def test_a_single_epoch_is_numbered_1_and_nothing_between(results_of, save_history):
    whole = results_of("sweeps", setting="smoke").study.experiments
    left_out = [name for name in whole if name != "alpha_1"]
    results = results_of("sweeps", setting="smoke", leave_out=left_out)
    save_history(results, "alpha_1", COSINES[:1])
    _, axis = tabulate(results).figures[0].svg_file.split('<g id="matplotlib.axis_5">')
    below, _ = axis.split('<g id="matplotlib.axis_6">')
    assert re.findall(r"<text[^>]*>([^<]*)<", below) == ["1", "epoch"]


def test_an_experiment_without_a_history_is_named(results_of):
    results = results_of("sweeps", setting="smoke")
    with pytest.raises(InputError, match=r"runs/\w+/fold_0/history\.json: .*found no such file$"):
        tabulate(results)
