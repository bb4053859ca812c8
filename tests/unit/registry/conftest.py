import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from rostfine.model_params import TimeSformerParams
from rostfine.models import build_model
from rostfine.params import InputParams, load_params
from rostfine.registry import RegisteredVersion, Registration, register
from rostfine.training.saved import ModelSettings, save_model

PARAMS = load_params(Path(__file__).parents[3] / "params.small.yaml")
EXPERIMENT = dataclasses.replace(
    PARAMS.experiments["rostfine"],
    model=TimeSformerParams("timesformer", "tiny", 0.0, None),
    input=InputParams(frames=4, image_px=32, speed=None),
)
SETTINGS = ModelSettings(
    "tiny", "all data", "none: the last", EXPERIMENT, PARAMS.tracking, PARAMS.clips
)


@pytest.fixture(scope="session")
def clips() -> np.ndarray:
    """Three random clips."""
    return np.random.default_rng(0).integers(0, 256, (3, 16, 150, 150, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def no_registry_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty workspace."""
    return make_workspace(tmp_path / "study")


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Save an untrained tiny model of a seed; returns its folder."""
    base = tmp_path_factory.mktemp("models")

    def save(seed: int) -> Path:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = build_model(EXPERIMENT.model, EXPERIMENT.input)
        folder = base / f"seed_{seed}" / "final"
        save_model(folder, model, SETTINGS)
        return folder

    return save


@pytest.fixture(scope="session")
def registered(
    tmp_path_factory: pytest.TempPathFactory, saved: Callable[[int], Path]
) -> tuple[Path, RegisteredVersion, RegisteredVersion]:
    """A workspace with the models of seeds 1 and 2 as versions, and what registering returned.

    Making one takes seconds, so tests that only read share it.
    """
    folder = make_workspace(tmp_path_factory.mktemp("registered") / "study")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        first, second = (put(saved(seed), folder) for seed in (1, 2))
    return folder, first, second


def make_workspace(folder: Path) -> Path:
    folder.mkdir()
    for name in ("params.yaml", "dvc.yaml"):
        (folder / name).write_text("")
    return folder


def put(folder: Path, workspace: Path) -> RegisteredVersion:
    kept = Registration(
        fold_metrics=[("emd", 0, 0.25), ("emd", 1, 0.35)],
        metrics={"emd_mean": 0.3},
        tags={"git.code": "abc123", "sha256.labels": "f00"},
    )
    return register(folder, "rostfine", alias="champion", kept=kept, workspace=workspace)
