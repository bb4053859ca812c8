from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rostfine.errors import FoldError
from rostfine.schemas import CLIPS, GRADES
from rostfine.training.data import load_training_data


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Three samples, of which the last has no speed in micrometres."""
    data = tmp_path / "data"
    (data / "clips").mkdir(parents=True)
    names = ["a", "b", "c"]
    for value, name in enumerate(names):
        np.savez(
            data / "clips" / f"{name}.npz",
            frames=np.full((2, 4, 4, 3), value, np.uint8),
            centre_px=np.zeros((2, 2), np.float32),
            score=np.ones(2, np.float32),
        )
    kinds = {"text": "x", "number": 1.0, "integer": 1}
    clips = pd.DataFrame({name: [kinds[kind]] * 3 for name, kind in CLIPS.columns.items()})
    clips["sample_id"] = names
    clips["speed_px_s"] = [10.0, 20.0, 30.0]
    clips["speed_um_s"] = [1.0, 2.0, np.nan]
    clips.to_parquet(data / "clips.parquet")
    labels = pd.DataFrame({"sample_id": names, **{f"p_{g}": [0.2] * 3 for g in GRADES}})
    labels = labels.assign(n_votes=3, mode="C", mean=2.0, sd=0.0, entropy=0.0, agreement=1.0)
    labels.to_parquet(data / "labels.parquet")
    # Another order than that of the clips.
    pd.DataFrame({"sample_id": names[::-1], "fold": [0, 1, 0]}).to_parquet(data / "folds.parquet")
    return tmp_path


def test_clips_labels_and_speeds_are_joined_in_the_order_of_the_folds(workspace):
    data = load_training_data(workspace, "speed_px_s")
    assert data.sample_ids == ("c", "b", "a")
    assert data.samples.frames[:, 0, 0, 0, 0].tolist() == [2, 1, 0]
    assert data.samples.speeds.tolist() == [30, 20, 10]
    assert load_training_data(workspace).samples.speeds is None


def test_a_sample_without_the_speed_that_is_wanted_is_named(workspace):
    with pytest.raises(FoldError, match="no speed_um_s of c; micrometres need um_per_px"):
        load_training_data(workspace, "speed_um_s")
