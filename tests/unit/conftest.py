from pathlib import Path

import pytest

from rostfine.params import TrackingParams, load_params


@pytest.fixture
def tracking() -> TrackingParams:
    """How the default preset follows sperm."""
    return load_params(Path(__file__).parents[2] / "params.yaml").tracking
