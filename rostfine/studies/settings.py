"""`studies/<name>/params.yaml`: experiments by what they change of those of the workspace.

`small` is laid over the experiments where models are to train on two CPU cores, and `smoke` over
that where they need not learn anything. Both are by experiment, `every` first; null leaves one out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from rostfine.errors import ParamsError
from rostfine.params import ExperimentParams, Params, check_experiment
from rostfine.params_file import read_yaml
from rostfine.parsing import Count, parse, plain

FOLDER: Final = Path("studies")
EVERY: Final = "every"
BASE: Final = "base"
Setting = Literal["full", "small", "smoke"]
FormName = Literal[
    "aggregation",
    "attention",
    "backbone_loss",
    "baselines",
    "dataset",
    "features",
    "folds",
    "motion",
    "pretraining",
    "published",
    "sweeps",
]
"""What rostfine.studies.forms makes; known here, so that a wrong one is told before training."""
OVER: Final[Mapping[Setting, tuple[str, ...]]] = {
    "full": (),
    "small": ("small",),
    "smoke": ("small", "smoke"),
}
"""What is laid over the experiments, one after another."""

Tree = Mapping[str, Any]


@dataclass(frozen=True)
class StudyFile:
    """The keys of the file."""

    form: FormName
    setting: Setting
    experiments: Mapping[str, Tree]
    small: Mapping[str, Tree | None]
    smoke: Mapping[str, Tree | None]
    bootstrap: Count
    seed: int


@dataclass(frozen=True)
class Study:
    """What a study trains, whole, and how sure it wants to be."""

    name: str
    form: FormName
    setting: Setting
    experiments: Mapping[str, ExperimentParams]
    bootstrap: int
    seed: int

    @property
    def folder(self) -> Path:
        """Where it is in its workspace."""
        return FOLDER / self.name

    def run_folder(self, experiment: str) -> Path:
        """Where what an experiment leaves is in its workspace."""
        return self.folder / "runs" / experiment


def load_study(workspace: Path, name: str, params: Params) -> Study:
    """Read and check the params of a study.

    Raises ParamsError for the first thing that is wrong: the key, what was wanted, what was found.
    """
    path = workspace / FOLDER / name / "params.yaml"
    content = read_yaml(path)
    try:
        file = parse(StudyFile, content)
        bases = {key: plain(value) for key, value in params.experiments.items()}
        experiments = {}
        for experiment in file.experiments:
            tree = _settle(experiment, file, bases)
            if tree is not None:
                experiments[experiment] = _parse_experiment(experiment, tree)
    except ParamsError as error:
        raise ParamsError(f"{path}: {error}") from None
    return Study(name, file.form, file.setting, experiments, file.bootstrap, file.seed)


def lay_over(base: Any, change: Any, key: str = "") -> Any:
    """Return `base` with what `change` says otherwise; another model takes nothing from the old."""
    if not isinstance(base, Mapping) or not isinstance(change, Mapping):
        return change
    if key == "model" and change.get("name", base["name"]) != base["name"]:
        return change
    changed = {inner: lay_over(base.get(inner), value, inner) for inner, value in change.items()}
    return {**base, **changed}


def _settle(name: str, file: StudyFile, bases: Mapping[str, Tree]) -> Tree | None:
    """Return an experiment as plain params; None where it is left out."""
    where = f"experiments.{name}"
    if not re.fullmatch(r"[\w-]+", name):
        raise ParamsError(f"experiments: wanted names of letters, digits, _ and -, got {name!r}")
    tree = file.experiments[name]
    base = tree.get(BASE)
    if not isinstance(base, str) or base not in bases:
        known = " or ".join(bases)
        raise ParamsError(f"{where}.{BASE}: wanted {known} of the workspace, got {base!r}")
    settled: Tree = lay_over(bases[base], {k: v for k, v in tree.items() if k != BASE})
    for layer in OVER[file.setting]:
        changes: Mapping[str, Tree | None] = getattr(file, layer)
        _check_known(layer, changes, file.experiments)
        if changes.get(name, {}) is None:
            return None
        for key in (EVERY, name):
            settled = lay_over(settled, changes.get(key) or {})
    return settled


def _check_known(layer: str, changes: Tree, experiments: Tree) -> None:
    for key in changes:
        if key not in experiments and key != EVERY:
            known = ", ".join([EVERY, *experiments])
            raise ParamsError(f"{layer}: no experiment {key!r}; known: {known}")


def _parse_experiment(name: str, tree: Tree) -> ExperimentParams:
    experiment = parse(ExperimentParams, tree, f"experiments.{name}")
    check_experiment(f"experiments.{name}", experiment)
    return experiment
