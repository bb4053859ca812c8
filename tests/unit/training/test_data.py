import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rostfine.clips.dataset import ClipFiles
from rostfine.clips.transforms import to_input
from rostfine.errors import FoldError
from rostfine.params import InputParams
from rostfine.schemas import CLIPS, GRADES
from rostfine.training.data import fits_into, load_training_data
from rostfine.training.grades import feed_clips


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


def test_clips_that_stay_in_their_files_are_read_as_they_are_wanted(workspace):
    kept = load_training_data(workspace).samples
    files = load_training_data(workspace, keep=False).samples
    assert isinstance(files.frames, ClipFiles)
    rows = torch.tensor([2, 0])
    assert torch.equal(files.frames.read(rows), kept.frames[rows])
    assert torch.equal(files.take(rows).frames.read(torch.tensor([1])), kept.frames[:1])
    assert files.take(rows).names == ("a", "c")


def test_a_label_that_is_no_distribution_is_named_with_its_sum(workspace):
    path = workspace / "data" / "labels.parquet"
    labels = pd.read_parquet(path)
    labels.loc[1, "p_A"] = 0.5
    labels.to_parquet(path)
    with pytest.raises(FoldError, match=r"wanted probabilities that sum to 1.* b \(1.3\);"):
        load_training_data(workspace)


def test_clips_are_kept_where_they_take_less_than_half_of_what_is_free(workspace):
    held_bytes = 3 * 2 * 4 * 4 * 3
    assert fits_into(3 * held_bytes, workspace)
    assert not fits_into(2 * held_bytes, workspace)


@pytest.mark.parametrize("image_px", [4, 2])
def test_what_a_model_is_fed_is_the_same_from_memory_and_from_files(workspace, image_px):
    params = InputParams(frames=2, image_px=image_px, speed=None)
    parts = [torch.tensor([2, 0]), torch.tensor([1])]
    fed = []
    for keep in (True, False):
        samples = load_training_data(workspace, keep=keep).samples
        fed.append(list(feed_clips(samples, params, torch.device("cpu")).batches(parts)))
    wanted = to_input(load_training_data(workspace).samples.frames[parts[0]], params)
    for kept, read in zip(*fed, strict=True):
        assert torch.equal(kept, read)
    assert torch.equal(fed[0][0], wanted)


def test_features_of_an_encoder_are_fed_as_they_are(workspace):
    features = torch.randn(3, 2, 4)
    samples = dataclasses.replace(load_training_data(workspace).samples, frames=features)
    feed = feed_clips(samples, InputParams(frames=2, image_px=4, speed=None), torch.device("cpu"))
    assert feed.condensed
    (fed,) = feed.batches([torch.tensor([2, 1])])
    assert torch.equal(fed, features[[2, 1]])
