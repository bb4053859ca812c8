"""A workspace with a run of two folds, as training leaves it, of a model that learnt nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rostfine.labels.aggregate import aggregate_votes
from rostfine.models import build_experiment
from rostfine.params import LabelParams, load_params
from rostfine.published.experiment import to_experiment
from rostfine.published.flags import Flags
from rostfine.schemas import CLIPS, FOLDS, GRADE_COLUMNS, LABELS, PREDICTIONS, write_table
from rostfine.training.fits import Fit
from rostfine.training.saved import ModelSettings, save_model
from rostfine.workspace import CHECKOUT

SAMPLES = ("a", "b", "c", "d")
TINY = Flags(
    model_name="rostfine",
    size="tiny",
    num_frame=2,
    video_size=16,
    no_pretrained=True,
    use_feat="vg+vs",
    topk=2,
    epochs=7,
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Clips, labels and folds, and the run `out/run` on them."""
    folder = tmp_path / "lab"
    (folder / "data" / "clips").mkdir(parents=True)
    (folder / "dvc.yaml").touch()
    (folder / "params.yaml").write_text((CHECKOUT / "params.small.yaml").read_text())
    write_folds(folder, [0, 0, 1, 1])
    about = {"video_id": "v", "status": "ok", "patient_id": list(SAMPLES)}
    clips = pd.DataFrame({"sample_id": SAMPLES, **about}).reindex(columns=list(CLIPS.columns))
    write_table(folder / "data" / "clips.parquet", clips, CLIPS)
    table = {"sample_id": SAMPLES, **dict.fromkeys(GRADE_COLUMNS, 0.2)}
    votes = pd.DataFrame({"sample_id": SAMPLES, "expert_id": "e", "grade": list("ABAC")})
    labels = aggregate_votes(votes.assign(voted_at=pd.NaT), list(SAMPLES), LabelParams(1, "stop"))
    write_table(folder / "data" / "labels.parquet", labels, LABELS)
    rng = np.random.default_rng(0)
    for sample in SAMPLES:
        frames = rng.integers(0, 256, (4, 20, 20, 3), dtype=np.uint8)
        np.savez(folder / "data" / "clips" / f"{sample}.npz", frames=frames)
    write_run(folder / "out" / "run", pd.DataFrame(table | {"fold": [0, 0, 1, 1]}))
    return folder


def write_folds(workspace: Path, folds: list[int]) -> None:
    """Write the fold table of a workspace."""
    table = pd.DataFrame({"sample_id": SAMPLES, "fold": folds})
    write_table(workspace / "data" / "folds.parquet", table, FOLDS)


def write_run(folder: Path, predictions: pd.DataFrame) -> None:
    """Write the files of a run of `TINY`."""
    params = load_params(CHECKOUT / "params.small.yaml")
    experiment = to_experiment(TINY)
    settings = ModelSettings("train.rostfine", "", "", experiment, params.tracking, params.clips)
    torch.manual_seed(0)
    model = build_experiment(experiment)
    for fold in (0, 1):
        save_model(folder / Fit(fold).folder, model, settings)
    write_table(folder / "predictions.parquet", predictions, PREDICTIONS)
