from dataclasses import replace

import pytest

from rostfine.morphology.evaluating import (
    confusions,
    evaluate_runs,
    flatten,
    over_pictures,
)
from rostfine.morphology.runs import read_runs
from tests.unit.morphology.test_metrics import FOUND as FOUND_HEADS
from tests.unit.morphology.test_metrics import (
    PARAMS,
    TRUTH,
    run,
)
from tests.unit.morphology.test_runs import (
    LOSSES,
    SURE,
    make_params,
    make_run,
    make_workspace,
    of_split,
)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_workspace()


def test_each_split_is_evaluated_by_what_was_found_in_its_own_pictures(workspace):
    found = evaluate_runs(make_params())["small"]
    assert list(found) == ["test", "validation"]
    assert found["validation"].published_map == found["validation"].masks.means()["ap"] == 1
    assert found["test"].published_map == 0.5
    # What is found with a score of 0.35 is not in use.
    assert found["test"].flat()["spurious"] == 0


def test_numbers_are_named_by_split_and_those_of_the_chosen_epoch_stand_beside(workspace):
    params = make_params()
    runs, notices = read_runs(params)
    numbers = flatten(runs, evaluate_runs(params, runs), params.data)
    wanted = {
        "small.test.published_map": 0.5,
        "small.test.missed": 1,
        "small.validation.mask_ap": 1,
        "small.validation.chosen_epoch": 2,
        "small.validation.loss": sum(LOSSES.values()),
        "small.train.loss_mask": 0.15,
    }
    assert {name: numbers[name] for name in wanted} == pytest.approx(wanted)
    assert not [name for name in numbers if name.startswith("small.test.loss")]
    assert notices == []


def test_what_is_not_defined_is_left_out(workspace):
    make_run("small", [*of_split("validation", SURE), *of_split("test", [[], []])])
    params = make_params()
    runs, _ = read_runs(params)
    numbers = flatten(runs, evaluate_runs(params, runs), params.data)
    assert "small.test.sensitivity" not in numbers
    assert numbers["small.test.found_share"] == 0


def test_found_with_the_mean_subtracted_twice_stands_beside_the_published_map(workspace):
    params = make_params(train=("published",))
    again = [*of_split("validation", SURE), *of_split("test", [[], SURE[1][:1]])]
    make_run("published", [*of_split("validation", SURE), *of_split("test", SURE)], again=again)
    runs, _ = read_runs(params)
    numbers = flatten(runs, evaluate_runs(params, runs), params.data)
    assert numbers["published.test.published_map"] == 1
    assert numbers["published.test.published_map.mean_twice"] == 0.25
    assert numbers["published.validation.published_map.mean_twice"] == 1


def test_a_confusion_has_a_row_for_each_cell(workspace):
    table = confusions(evaluate_runs(make_params()))
    test = table[(table["split"] == "test") & (table["by"] == "class")]
    cells = test.set_index(["truth", "found"])["heads"]
    assert (cells["good", "good"], cells["bad", "good"], cells["good", "missed"]) == (1, 1, 1)
    assert cells.sum() == 4
    assert len(table) == 2 * 2 * 3 * 3


def test_limits_are_over_pictures_and_one_picture_has_none():
    found = run(TRUTH, FOUND_HEADS)  # of four heads three are found, and one where none is
    aps, heads = over_pictures(found, PARAMS)
    assert aps
    assert heads
    assert (aps.mean, aps.low, aps.high) == (0.5, 0.5, 0.5)
    assert (heads.mean, heads.low, heads.high) == (0.75, 0.5, 1)
    alone = replace(found, published=found.published[:1], heads=found.heads[:2])
    assert over_pictures(alone, PARAMS) == (None, None)
