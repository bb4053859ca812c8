from pathlib import Path

import numpy as np
import pytest
import torch

from rostfine.params import load_params
from rostfine.training.data import Samples, TrainingData
from rostfine.training.saved import ModelSettings

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def settings() -> ModelSettings:
    """The small preset's RoSTFine, for two epochs."""
    import dataclasses

    params = load_params(ROOT / "params.small.yaml")
    experiment = params.experiments["rostfine"]
    fit = dataclasses.replace(experiment.fit, epochs=2, batch=4)
    short = dataclasses.replace(experiment, fit=fit)
    return ModelSettings("rostfine", "", "", short, params.tracking, params.clips)


@pytest.fixture(scope="session")
def data() -> TrainingData:
    """Twelve random clips in three folds."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (12, 16, 150, 150, 3), dtype=np.uint8)
    labels = rng.dirichlet(np.ones(5), 12).astype(np.float32)
    names = tuple(f"s{i}" for i in range(12))
    samples = Samples(torch.from_numpy(frames), torch.from_numpy(labels), names=names)
    patients = tuple(f"p{i % 6}" for i in range(12))
    return TrainingData(names, samples, np.arange(12) % 3, patients)
