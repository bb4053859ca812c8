import numpy as np
import pandas as pd
import pytest

from rostfine.evaluation.tables import ZERO_R
from rostfine.studies.tables import to_latex, to_markdown
from rostfine.visem.compare import compare
from rostfine.visem.params import INPUTS
from rostfine.visem.table1 import printed, tabulate
from rostfine.visem.targets import TARGETS
from tests.unit.visem.test_compare import PARAMS, make_workspace


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    comparison = compare(make_workspace(tmp_path_factory.mktemp("semen")), PARAMS)
    return comparison, tabulate(comparison)


def test_the_averages_that_the_paper_prints_are_the_means_of_its_folds():
    for target in TARGETS:
        for name in INPUTS:
            numbers = printed()[target][name]
            assert np.mean(numbers["folds"]) == pytest.approx(numbers["average"], abs=6e-4)


def test_our_folds_and_average_stand_beside_those_of_the_paper(made):
    comparison, table = made
    rows = {row[0]: row[1:] for row in table.texts()}
    maes = comparison.folds.groupby(["target", "input"])["mae"].get_group(("motility", "I4"))
    assert rows["I4, fold 2"][:2] == [f"{maes.iloc[1]:.3f}", "9.426"]
    assert rows["I4, fold 1"][2].startswith(f"{maes.mean():.3f} [")
    assert rows["I4, fold 1"][3] == "9.427"
    assert rows["I4, fold 2"][2:4] == ["", ""]


def test_a_fold_in_which_nobody_has_the_target_is_left_empty(tmp_path):
    workspace = make_workspace(tmp_path)
    path = workspace / "visem/participants.parquet"
    table = pd.read_parquet(path)
    table.loc[table["fold"] == 1, "head_pct"] = np.nan
    table.to_parquet(path, index=False)
    for name in INPUTS:
        said = workspace / f"visem/runs/{name}_morphology/predictions.parquet"
        if said.exists():
            pd.read_parquet(said).query("fold != 1").to_parquet(said, index=False)
    rows = {row[0]: row[1:] for row in tabulate(compare(workspace, PARAMS)).texts()}
    assert [bool(rows[f"I4, fold {fold}"][4]) for fold in (1, 2, 3)] == [True, False, True]
    assert all(rows[f"I4, fold {fold}"][0] for fold in (1, 2, 3))


def test_zero_r_comes_last_and_has_no_number_of_the_paper(made):
    *_, last = made[1].texts()
    assert last[0] == f"{ZERO_R}, fold 3"
    assert [bool(text) for text in last[1:]] == [True, False, False, False] * 2


def test_an_input_that_was_not_predicted_shows_the_paper_only(made):
    row = next(row for row in made[1].texts() if row[0] == "I3, fold 1")
    assert row[1:] == ["", "10.850", "", "10.970", "", "5.567", "", "5.632"]


def test_its_notes_say_what_is_known_of_the_papers_numbers(made):
    text = to_markdown(made[1])
    assert "as if they had learnt nothing" in text
    assert "The paper's folds may all be one" in text
    assert "Largest less smallest fold here, motility: I1" in text
    assert "other sperm" not in text
    assert r"95 \% interval" in to_latex(made[1])
