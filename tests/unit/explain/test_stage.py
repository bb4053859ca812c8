"""The stage, on a workspace of four clips and two untrained folds."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from matplotlib.image import imread

from rostfine.errors import InputError
from rostfine.models import build_experiment
from rostfine.params import load_params
from rostfine.schemas import GRADE_COLUMNS
from rostfine.training.folds import Fit
from rostfine.training.saved import ModelSettings, save_model
from stages import explain

PRESET = Path(__file__).parents[3] / "params.small.yaml"
OUT = Path("reports/figures/explain")
IDS = ["S0", "S1", "S2", "S3"]
TRUE = np.array([[1.0, 0, 0, 0, 0]] * 4)
PREDICTED = np.array([[0.9, 0.1, 0, 0, 0], [0, 0, 0, 0, 1], [0.5, 0.5, 0, 0, 0], [0, 1, 0, 0, 0]])


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    set_samples(2)
    tables = {
        "data/clips": {"video_id": IDS, "patient_id": IDS, "status": "ok", "speed_um_s": 30.0},
        "data/folds": {"fold": [0, 1, 0, 1]},
        "data/labels": {
            **dict(zip(GRADE_COLUMNS, TRUE.T, strict=True)),
            **dict.fromkeys(("mean", "sd", "entropy", "agreement"), 0.0),
            "n_votes": 3,
            "mode": "A",
        },
        "runs/rostfine/predictions": {
            **dict(zip(GRADE_COLUMNS, PREDICTED.T, strict=True)),
            "fold": [0, 1, 0, 1],
        },
    }
    for fold in (0, 1):
        save_fold(Path("runs/rostfine") / f"fold_{fold}", Fit(fold))
    rng = np.random.default_rng(0)
    Path("data/clips").mkdir(parents=True, exist_ok=True)
    for name in IDS:
        frames = rng.integers(0, 256, (16, 40, 40, 3), dtype=np.uint8)
        np.savez(Path("data/clips") / f"{name}.npz", frames=frames)
    for name, columns in tables.items():
        pd.DataFrame({"sample_id": IDS, **columns}).to_parquet(f"{name}.parquet")
    return tmp_path


def set_samples(samples: int | list[str]) -> None:
    params = yaml.safe_load(PRESET.read_text())
    params["explain"] = {"experiments": ["rostfine"], "samples": samples}
    Path("params.yaml").write_text(yaml.safe_dump(params))


def save_fold(folder: Path, fit: Fit) -> None:
    params = load_params(PRESET)
    experiment = params.experiments["rostfine"]
    with_speed = replace(experiment, input=replace(experiment.input, speed="speed_um_s"))
    torch.manual_seed(0)
    settings = ModelSettings(
        "rostfine", fit.trained_on, "", with_speed, params.tracking, params.clips
    )
    save_model(folder, build_experiment(with_speed), settings)


def test_the_best_and_the_worst_clip_are_drawn_each_by_the_model_that_never_saw_it(workspace):
    explain.main()
    told = json.loads((OUT / "explain.json").read_text())
    assert [(one["sample_id"], one["trained_on"]) for one in told] == [
        ("S0", "all data but fold 0"),
        ("S1", "all data but fold 1"),
    ]
    assert told[0]["emd"] == pytest.approx(0.01)
    for one in told:
        assert 0.5 < one["middle_ratio"] < 1.5, "of models that have not learnt"
        assert imread(one["path"]).shape[1] == 2184
    assert {path.name for path in OUT.rglob("*.*")} == {"explain.json", "S0.png", "S1.png"}


def test_clips_may_be_asked_for_by_name(workspace):
    set_samples(["S3", "S2"])
    explain.main()
    told = json.loads((OUT / "explain.json").read_text())
    assert [one["sample_id"] for one in told] == ["S3", "S2"]


def test_an_unknown_clip_is_named(workspace):
    set_samples(["S3", "S9"])
    with pytest.raises(InputError, match=r"explain\.samples: wanted clips .*, got 'S9'"):
        explain.main()


def test_a_model_that_learnt_from_the_clip_is_refused(workspace):
    save_fold(Path("runs/rostfine/fold_1"), Fit(None))
    with pytest.raises(InputError, match="wanted a model trained on all data but fold 1, found"):
        explain.main()
