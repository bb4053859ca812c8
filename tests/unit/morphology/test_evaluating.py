import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rostfine.errors import InputError, TableError
from rostfine.morphology.dataset import Dataset
from rostfine.morphology.evaluating import (
    confusions,
    evaluate_runs,
    flatten,
    measure_heads,
    over_pictures,
    read_runs,
)
from rostfine.morphology.heads import Instance, Picture, encode
from rostfine.morphology.params import MorphologyParams, load_morphology_params
from rostfine.morphology.stored import found_table, write_pictures
from rostfine.morphology.tables import AS_PUBLISHED_FILE, FOUND, RUNS
from rostfine.schemas import write_table
from rostfine.training.folds import PREDICTIONS_FILE
from tests.unit.morphology.conftest import CHECKOUT
from tests.unit.morphology.test_metrics import (
    DATA,
    PARAMS,
    PLACES,
    SIDE_PX,
    TRUTH,
    Heads,
    make_pictures,
    run,
)
from tests.unit.morphology.test_metrics import FOUND as FOUND_HEADS

LOSSES = {"class": 0.1, "box": 0.2, "mask": 0.3, "rpn_class": 0.01, "rpn_box": 0.02}
SURE: list[Heads] = [[(place, name, 0.9) for place, name, _ in heads] for heads in TRUTH]


def make_params(**changes: Any) -> MorphologyParams:
    """Return the small params; those of `published` in them are the same, but for the variant."""
    params = load_morphology_params(CHECKOUT / "morphology/params.small.yaml")
    small = params.experiments["small"]
    experiments = {"small": small, "published": replace(small, variant="published")}
    evaluation = replace(params.evaluate, bootstrap=50)
    return replace(params, experiments=experiments, evaluate=evaluation, **changes)


def make_history(best: int = 1, *, chose: bool = True) -> list[dict[str, Any]]:
    """Three epochs whose losses fall by halves; the best is counted from 0."""
    history = []
    for epoch in range(3):
        losses = {name: value / 2**epoch for name, value in LOSSES.items()}
        train = {"total": sum(losses.values()), "branches": losses}
        scores = {"published_map": 0.9, "mask_ap": 0.1 * (epoch + 1), "mask_ap50": 0.8}
        valid = {"total": 2 * train["total"], "branches": losses | scores}
        history.append(
            {"epoch": epoch, "best": best, "train": train, "valid": valid if chose else None}
        )
    return history


def of_split(split: str, heads: list[Heads]) -> list[Picture]:
    made = make_pictures(heads)
    return [replace(p, picture_id=f"{split}/{p.picture_id}", split=split) for p in made]


def make_run(name: str, found: list[Picture], **files: Any) -> None:
    folder = RUNS / name / "final"
    write_table(folder / PREDICTIONS_FILE, found_table(found), FOUND)
    (folder / "history.json").write_text(json.dumps(files.get("history", make_history())))
    if "again" in files:
        write_table(folder / AS_PUBLISHED_FILE, found_table(files["again"]), FOUND)


def make_workspace() -> None:
    """Write two pictures of validation and two of test, and what `small` finds in them.

    Both splits have the same two images.
    """
    pictures = [*of_split("validation", TRUTH), *of_split("test", TRUTH)]
    ids = {one.picture_id: "0" * 64 for one in pictures}
    write_pictures(Dataset(Path("data"), tuple(pictures), (), ids))
    for path in {one.path for one in pictures}:
        Image.new("RGB", (SIDE_PX * PLACES, SIDE_PX)).save(path)
    make_run("small", [*of_split("validation", SURE), *of_split("test", FOUND_HEADS)])


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


def test_what_is_not_trained_is_said_and_without_any_there_is_nothing_to_do(workspace):
    assert read_runs(make_params(train=("small", "published")))[1] == ["published: not trained"]
    with pytest.raises(InputError, match=r"morphology/runs: no predictions of any experiment; run"):
        read_runs(make_params(train=("published",)))


@pytest.mark.parametrize(
    ("picture", "name", "said"),
    [("gone", "good", "pictures of now alone, got gone"), ("test/0", "odd", "classes.*got odd")],
)
def test_what_was_found_in_other_pictures_or_of_other_classes_is_refused(
    workspace, picture, name, said
):
    (one,) = make_pictures([[(0, name, 0.9)]])
    make_run("small", [replace(one, picture_id=picture)])
    with pytest.raises(TableError, match=rf"small/final/{PREDICTIONS_FILE}: wanted {said}; run"):
        read_runs(make_params())


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


def bar(left: int, right: int, name: str = "good", **more: Any) -> Instance:
    mask = np.zeros((30, 100), bool)
    mask[10:20, left:right] = True
    return Instance(name, (float(left), 10.0, float(right), 20.0), encode(mask), **more)


def test_found_heads_are_measured_beside_true_ones_in_um_where_that_is_known():
    path = Path("a.png")
    heads = (bar(0, 20), bar(30, 46), bar(60, 76, "bad"), bar(80, 90, outlined=False))
    true = Picture("a", path, path, 30, 100, heads)
    said = replace(true, instances=(bar(0, 20), bar(30, 50, "bad")))
    table = measure_heads([true], [said], replace(DATA, um_per_px=0.5), 0.5)
    rows = table.set_index(["truth", "measure"])
    # The ellipse of a rectangle is 2 / sqrt(3) as long; the first head is cut, the last a box.
    scale = 0.5 * 2 / math.sqrt(3)
    assert rows.loc[("good", "length"), "true"] == pytest.approx(16 * scale, rel=1e-6)
    assert rows.loc[("good", "length"), "measured"] == pytest.approx(20 * scale, rel=1e-6)
    assert rows.loc[("good", "width_to_length"), "measured"] == pytest.approx(0.5, rel=1e-6)
    assert rows.loc[("good", "ellipticity"), "true"] == pytest.approx(1.6, rel=1e-6)
    assert rows.loc[("good", "length"), "found"] == "bad"
    assert rows.loc[("bad", "length"), "found"] == "missed"
    assert np.isnan(rows.loc[("bad", "length"), "measured"])
    assert len(table) == 2 * 3
