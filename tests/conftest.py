import os
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes is the machine's affair, and no fault.
settings.register_profile("any_machine", deadline=None)
settings.load_profile("any_machine")

# Before torch is imported: tensors of tests are so small that threads only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings; a test that needs it is skipped where it is absent."""
    folder = Path(os.environ.get("ROSTFINE_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}; ROSTFINE_REAL_DATA names their folder")
    return folder
