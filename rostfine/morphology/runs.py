"""What trained experiments found in pictures that they were not trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rostfine.errors import InputError, TableError
from rostfine.files import read_json
from rostfine.morphology.counting import in_use
from rostfine.morphology.heads import TEST, VALIDATION, Picture
from rostfine.morphology.params import DataParams, MorphologyParams, Role
from rostfine.morphology.stored import read_found, read_pictures
from rostfine.morphology.tables import AS_PUBLISHED_FILE, FOUND, RUNS
from rostfine.schemas import read_table
from rostfine.training.folds import PREDICTIONS_FILE

UNSEEN: Final = (TEST, VALIDATION)
NAMES_SHOWN: Final = 8


@dataclass(frozen=True)
class Run:
    """What an experiment found in the pictures of each split that it was not trained on.

    `as_published` is the same with the mean subtracted twice, where that was kept. `least_score` is
    that of a head in use. `history` has a record for each epoch, as `rostfine.training.epoch.Epoch`
    but for its time.
    """

    name: str
    variant: str
    roles: Mapping[str, Role]
    least_score: float
    history: Sequence[Mapping[str, Any]]
    truth: Mapping[str, list[Picture]]
    found: Mapping[str, list[Picture]]
    as_published: Mapping[str, list[Picture]]

    @property
    def chosen(self) -> Mapping[str, Any]:
        """The record of the epoch whose weights are kept; `best` is -1, the last, if none chose."""
        chosen: Mapping[str, Any] = self.history[self.history[-1]["best"]]
        return chosen

    def sure(self, split: str) -> list[Picture]:
        """Return the pictures of a split with what is found in them in use."""
        return [in_use(one, self.roles, self.least_score) for one in self.found[split]]


def read_runs(params: MorphologyParams) -> tuple[dict[str, Run], list[str]]:
    """Read the experiments of `train`, standing in their workspace, and say what is missing.

    Raises InputError if there is none, and TableError for one that found heads in other pictures
    than those of now, or of other classes.
    """
    truth = {split: read_pictures(split) for split in UNSEEN}
    notices = [f"no pictures of the split {split}" for split in UNSEEN if not truth[split]]
    truth = {split: pictures for split, pictures in truth.items() if pictures}
    runs = {}
    for name in params.train:
        experiment = params.experiments[name]
        folder = RUNS / name / "final"
        if (folder / PREDICTIONS_FILE).exists():
            found = _read(folder / PREDICTIONS_FILE, truth, params.data)
            other = folder / AS_PUBLISHED_FILE
            again = _read(other, truth, params.data) if other.exists() else {}
            history = read_json(folder / "history.json")
            score = experiment.model.score
            roles = {one: held.role for one, held in params.data.classes.items()}
            about = (name, experiment.variant, roles, score)
            runs[name] = Run(*about, history, truth, found, again)
        else:
            notices.append(f"{name}: not trained")
    if not runs:
        raise InputError(f"{RUNS}: no predictions of any experiment; run morphology_train first")
    return runs, notices


def _read(
    path: Path, truth: Mapping[str, list[Picture]], data: DataParams
) -> dict[str, list[Picture]]:
    _refuse_stale(path, {one.picture_id for of_split in truth.values() for one in of_split}, data)
    return {split: read_found(path, pictures) for split, pictures in truth.items()}


def _refuse_stale(path: Path, pictures: set[str], data: DataParams) -> None:
    table = read_table(path, FOUND)
    known = {"pictures": ("picture_id", pictures), "classes": ("class_name", set(data.classes))}
    for what, (column, names) in known.items():
        odd = sorted(set(table[column]) - names)
        if odd:
            raise TableError(
                f"{path}: wanted {what} of now alone, got {', '.join(odd[:NAMES_SHOWN])}"
                f"{' and more' if len(odd) > NAMES_SHOWN else ''}; run morphology_train again"
            )
