import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from rostfine.errors import InputError, TableError
from rostfine.morphology.dataset import Dataset
from rostfine.morphology.heads import Picture
from rostfine.morphology.params import MorphologyParams, load_morphology_params
from rostfine.morphology.runs import read_runs
from rostfine.morphology.stored import found_table, write_pictures
from rostfine.morphology.tables import AS_PUBLISHED_FILE, FOUND, RUNS
from rostfine.schemas import write_table
from rostfine.training.folds import PREDICTIONS_FILE
from tests.unit.morphology.conftest import CHECKOUT
from tests.unit.morphology.test_metrics import FOUND as FOUND_HEADS
from tests.unit.morphology.test_metrics import PLACES, SIDE_PX, TRUTH, Heads, make_pictures

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
