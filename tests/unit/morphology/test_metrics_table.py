import pytest

from rostfine.morphology.evaluating import evaluate_runs, flatten
from rostfine.morphology.metrics_table import tabulate
from rostfine.morphology.params import RegisterParams
from rostfine.morphology.runs import read_runs
from tests.unit.morphology.test_runs import SURE, make_params, make_run, make_workspace, of_split

BOTH = make_params(
    train=("small", "published"), register=RegisterParams("published", "head-morphology")
)


def make_both() -> None:
    """Write the workspace in which `published` finds all but one of the heads of test, too."""
    make_workspace()
    found = [*of_split("validation", SURE), *of_split("test", [SURE[0], SURE[1][:1]])]
    again = [*of_split("validation", SURE), *of_split("test", [[], SURE[1][:1]])]
    make_run("published", found, again=again)


def test_the_table_has_the_published_map_both_ways_and_what_was_printed_beside_what_chose(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    make_both()
    runs, _ = read_runs(BOTH)
    evaluations = evaluate_runs(BOTH, runs)
    table = tabulate(evaluations, flatten(runs, evaluations, BOTH.data), BOTH)
    lines = table.cells.set_index(["row", "column"])
    known = lines.loc[("published, test", "mAP as published")]
    assert known[["mean", "low", "high"]].tolist() == [0.75, 0.5, 1]
    assert lines.loc[("published, test", "mAP, mean twice"), "mean"] == 0.25
    assert ("small, test", "mAP, mean twice") not in lines.index
    papers = lines["paper"].dropna()
    assert papers.to_dict() == {
        (f"{name}, validation", "mAP as published"): 0.8908 for name in BOTH.train
    }
    limits = lines.loc[("small, test", "Sensitivity"), ["mean", "low", "high"]].tolist()
    assert limits == pytest.approx([0.5, 0.0945, 0.9055], abs=1e-4)
