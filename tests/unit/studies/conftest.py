"""Results of a study without any training: made-up predictions of made-up votes."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rostfine.evaluation.ceiling import experts_ceiling
from rostfine.evaluation.comparison import compare
from rostfine.evaluation.tables import Truth, gather_truth
from rostfine.labels.aggregate import aggregate_votes
from rostfine.models import build_experiment
from rostfine.params import ExperimentParams, LabelParams, load_params
from rostfine.schemas import GRADES
from rostfine.studies.results import Results
from rostfine.studies.settings import Study, load_study
from rostfine.studies.tables import PaperTable
from rostfine.training.saved import ModelSettings, save_model
from rostfine.workspace import CHECKOUT

SAMPLES, PATIENTS, FOLDS, EXPERTS = 24, 6, 3, 8
PRESETS = {"full": "params.yaml", "small": "params.small.yaml", "smoke": "params.small.yaml"}

MakeResults = Callable[..., Results]


def make_results(
    folder: Path,
    name: str,
    *,
    setting: str = "full",
    leave_out: Sequence[str] = (),
    add: Mapping[str, ExperimentParams] | None = None,
    predicted: Mapping[str, np.ndarray] | None = None,
) -> Results:
    """Make results of a study: 24 clips of 6 patients in 3 folds, voted on by 8 experts.

    `predicted` is what experiments predict; others predict the labels with noise of their own.
    """
    study = load(folder, name, setting)
    experiments = {k: v for k, v in study.experiments.items() if k not in leave_out}
    experiments |= add or {}
    votes, clips, folds = tables()
    labels = aggregate_votes(votes, clips["sample_id"].to_list(), LabelParams(1, "stop"))
    truth = gather_truth(labels, folds, clips)
    predictions = {experiment: noisy(truth, seed) for seed, experiment in enumerate(experiments)}
    study = replace(study, experiments=experiments, bootstrap=100)
    return Quick(study, labels, clips, truth, votes, {**predictions, **(predicted or {})})


class Quick(Results):
    """Results whose experts are split twice: their ceiling would else take a second."""

    @cached_property
    def summary(self) -> pd.DataFrame:
        ceiling = experts_ceiling(self.votes, self.truth, self.rng(), splits=2)
        rounds = self.study.bootstrap
        return compare(self.predictions, self.truth, self.rng(), rounds=rounds, ceiling=ceiling)


def load(folder: Path, name: str, setting: str) -> Study:
    path = folder / "studies" / name / "params.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    written = (CHECKOUT / "studies" / name / "params.yaml").read_text()
    path.write_text(written.replace("setting: full", f"setting: {setting}"))
    return load_study(folder, name, load_params(CHECKOUT / PRESETS[setting]))


def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Votes, clips and folds."""
    samples = [f"s{number:02}" for number in range(SAMPLES)]
    rng = np.random.default_rng(0)
    modes = rng.choice(5, SAMPLES, p=[0.2, 0.3, 0.3, 0.1, 0.1])
    votes = [
        (sample, f"expert_{expert}", GRADES[int(np.clip(mode + rng.integers(-1, 2), 0, 4))])
        for sample, mode in zip(samples, modes, strict=True)
        for expert in range(EXPERTS)
    ]
    patients = np.arange(SAMPLES) % PATIENTS
    clips = pd.DataFrame(
        {
            "sample_id": samples,
            "video_id": samples,
            "patient_id": [f"P{patient}" for patient in patients],
            "frame_rate_hz": 15.0,
            "speed_px_s": rng.uniform(5, 50, SAMPLES),
            "status": "ok",
        }
    )
    voted = pd.DataFrame(votes, columns=["sample_id", "expert_id", "grade"])
    voted["voted_at"] = pd.Timestamp("2024-01-01")
    return voted, clips, pd.DataFrame({"sample_id": samples, "fold": patients % FOLDS})


def noisy(truth: Truth, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).dirichlet(np.ones(5), size=len(truth.labels))
    return 0.6 * truth.labels + 0.4 * noise


def write_history(results: Results, name: str, values: Sequence[Mapping[str, float]]) -> None:
    """Write the same history for each fold: cosines of pairs of features by epoch."""
    for fold in range(FOLDS):
        path = results.study.run_folder(name) / f"fold_{fold}" / "history.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        told = [
            {"epoch": epoch, "train": {"pairs": {k: v + 0.1 * fold for k, v in pairs.items()}}}
            for epoch, pairs in enumerate(values)
        ]
        path.write_text(json.dumps(told))


def write_models(results: Results) -> None:
    """Write untrained models, another in each fold, and clips of grey noise."""
    params = load_params(CHECKOUT / PRESETS["smoke"])
    rng = np.random.default_rng(0)
    Path("data/clips").mkdir(parents=True, exist_ok=True)
    for sample_id in results.truth.sample_ids:
        frames = rng.integers(0, 256, (16, 40, 40, 1), dtype=np.uint8).repeat(3, axis=3)
        np.savez(f"data/clips/{sample_id}.npz", frames=frames)
    for name, experiment in results.study.experiments.items():
        for fold in range(FOLDS):
            torch.manual_seed(fold)
            folder = results.study.run_folder(name) / f"fold_{fold}"
            settings = ModelSettings(name, "", "", experiment, params.tracking, params.clips)
            save_model(folder, build_experiment(experiment), settings)


def find(table: PaperTable, row: str, column: str) -> "pd.Series[float]":
    """Return the one cell of a row whose column begins so."""
    cells = table.cells
    chosen = cells[(cells["row"] == row) & cells["column"].str.startswith(column)]
    assert len(chosen) == 1, (row, column, list(cells["row"].unique()))
    return chosen.iloc[0]


@pytest.fixture
def results_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeResults:
    """Return `make_results`, standing in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda name, **given: make_results(tmp_path, name, **given)


@pytest.fixture
def cell_of() -> Callable[[PaperTable, str, str], "pd.Series[float]"]:
    """Return `find`."""
    return find


@pytest.fixture
def save_history() -> Callable[..., None]:
    """Return `write_history`."""
    return write_history


@pytest.fixture
def save_models() -> Callable[[Results], None]:
    """Return `write_models`."""
    return write_models
