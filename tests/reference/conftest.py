"""Numbers computed by the published classes and functions, with random weights."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file
from torch import Tensor

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of reference numbers; its tests are skipped where it is absent."""
    folder = Path(os.environ.get("ROSTFINE_FIXTURES", ROOT.parent / "shared" / "fixtures"))
    if not folder.is_dir():
        pytest.skip(f"no reference numbers at {folder}; ROSTFINE_FIXTURES names their folder")
    return folder


@pytest.fixture(scope="session")
def arrays(fixtures: Path) -> Callable[[str], dict[str, np.ndarray]]:
    """Read all arrays of one .npz by name."""

    def read(name: str) -> dict[str, np.ndarray]:
        with np.load(fixtures / f"{name}.npz", allow_pickle=False) as file:
            return dict(file)

    return read


@pytest.fixture(scope="session")
def weights(fixtures: Path) -> Callable[[str], dict[str, Tensor]]:
    """Read all tensors of one .safetensors by name."""
    return lambda name: load_file(fixtures / f"{name}.safetensors")
