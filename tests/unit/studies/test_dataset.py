from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rostfine.studies.dataset import draw_scores_and_modes, draw_votes, tabulate, whole_bins
from rostfine.studies.output import Output
from rostfine.studies.results import Results


@pytest.fixture
def results(results_of: Callable[..., Results]) -> Results:
    return results_of("dataset")


@pytest.fixture
def output(results: Results) -> Output:
    return tabulate(results)


def test_clips_are_counted_by_modal_grade_beside_the_paper(
    results: Results, output: Output, cell_of: Callable[..., Any]
) -> None:
    of_c = cell_of(output.tables[0], "C", "All clips")
    assert of_c["mean"] == (results.labels["mode"] == "C").sum() > 0
    assert of_c["paper"] == 356
    trained, total = (cell_of(output.tables[0], row, "All clips") for row in ("Train", "Total"))
    assert (trained["mean"], trained["paper"]) == (16, 492)
    assert (total["mean"], total["paper"]) == (24, 615)


def test_each_fold_has_its_own_clips_and_no_number_of_the_paper(
    results: Results, output: Output, cell_of: Callable[..., Any]
) -> None:
    by_id = results.labels.set_index("sample_id").loc[list(results.truth.sample_ids)]
    of_b = (by_id["mode"].to_numpy()[results.truth.folds == 1] == "B").sum()
    mixed = replace(results, labels=results.labels.sample(frac=1, random_state=1))
    for table in (output.tables[0], tabulate(mixed).tables[0]):
        found = cell_of(table, "B", "Fold 1 held out")
        assert found["mean"] == of_b
        assert np.isnan(found["paper"])
        assert cell_of(table, "Test", "Fold 1 held out")["mean"] == 8
        assert cell_of(table, "Total", "Fold 1 held out")["mean"] == 8


def test_clips_patients_experts_and_votes_are_counted(
    output: Output, cell_of: Callable[..., Any]
) -> None:
    rows = ("Clips", "Patients", "Experts", "Votes")
    found = [cell_of(output.tables[1], row, "Number") for row in rows]
    assert [cell["mean"] for cell in found] == [24, 6, 8, 192]
    assert [cell["paper"] for cell in found] == [615, 615, 40, 24533]


def test_agreement_is_told_of_all_clips_and_of_every_modal_grade(
    results: Results, output: Output, cell_of: Callable[..., Any]
) -> None:
    table, agreement = output.tables[2], results.labels["agreement"]
    of_c = agreement[results.labels["mode"] == "C"]
    votes = cell_of(table, "All clips", "Votes per clip")
    assert (votes["mean"], votes["sd"]) == (8, 0)
    assert cell_of(table, "All clips", "Agreement")["mean"] == pytest.approx(agreement.mean())
    assert cell_of(table, "Modal grade C", "Agreement")["mean"] == pytest.approx(of_c.mean())
    assert cell_of(table, "Modal grade C", "Clips")["mean"] == len(of_c)


def test_scores_count_from_1_as_in_the_paper(results: Results) -> None:
    figure = draw_scores_and_modes(results.labels)
    mean = results.labels["mean"].mean() + 1
    assert f"mean ({mean:.2f} on average)" in figure.says
    assert "A (1)" in figure.svg_file
    assert "E (5)" in figure.svg_file


def test_every_whole_number_has_a_bin_around_it() -> None:
    assert whole_bins(pd.Series([3, 5])) == [2.5, 3.5, 4.5, 5.5]
    assert whole_bins(pd.Series([1, 39])) == [float(edge) - 0.5 for edge in range(1, 42, 2)]


def test_clips_that_all_have_as_many_votes_are_drawn_too(results: Results) -> None:
    assert "Votes per clip: 8 to 8." in draw_votes(results.labels).says
