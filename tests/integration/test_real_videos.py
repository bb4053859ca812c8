"""The whole pipeline on real recordings of living sperm, with simulated votes."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.data]

VIDEOS = ("S_0002", "S_0003")
BORDER_PX = 20
TARGETS_PER_VIDEO = 12


def real_tags(folder, video: str) -> pd.DataFrame:
    """Tag sperm that are annotated in all frames, where the annotators saw them in frame 0."""
    tracks = pd.read_csv(folder / f"{video}_tracks.csv")
    tracks = tracks[(tracks["full_length"] == 1) & (tracks["frame"] == 0)]
    inside = tracks["cx"].between(BORDER_PX, 698 - BORDER_PX) & tracks["cy"].between(
        BORDER_PX, 528 - BORDER_PX
    )
    chosen = tracks[inside].head(TARGETS_PER_VIDEO)
    return pd.DataFrame(
        {
            "sample_id": [f"{video}-{track}" for track in chosen["track"]],
            "video_id": video,
            "frame": 0,
            "x_px": chosen["cx"].to_numpy(),
            "y_px": chosen["cy"].to_numpy(),
        }
    )


@pytest.fixture(scope="module")
def study(new_workspace, real_data):
    workspace = new_workspace("real")
    data = workspace.folder / "data"
    for video in VIDEOS:
        shutil.copy(real_data / "tracking" / f"{video}.mp4", data / "raw")
    tags = pd.concat([real_tags(real_data / "tracking", video) for video in VIDEOS])
    tags.to_csv(data / "tags.csv", index=False)
    rng = np.random.default_rng(3)
    votes = [
        (sample, f"expert{i}", "ABCDE"[grade], "2026-01-01T00:00:00Z")
        for sample in tags["sample_id"]
        for i, grade in enumerate(rng.binomial(4, rng.uniform(0.1, 0.9), size=8))
    ]
    columns = ["sample_id", "expert_id", "grade", "voted_at"]
    pd.DataFrame(votes, columns=columns).to_csv(data / "votes" / "votes.csv", index=False)
    workspace.run("dvc", "repro")
    return workspace


def test_annotated_sperm_are_followed_within_10_px_for_16_frames(study, real_data):
    tracks = pd.read_parquet(study.folder / "data" / "tracks.parquet")
    truth = pd.concat(
        pd.read_csv(real_data / "tracking" / f"{video}_tracks.csv").assign(video=video)
        for video in VIDEOS
    )
    truth["sample_id"] = truth["video"] + "-" + truth["track"].astype(str)
    joined = tracks.merge(truth, on=["sample_id", "frame"])
    error_px = np.hypot(joined["x_px"] - joined["cx"], joined["y_px"] - joined["cy"])
    assert len(joined) >= 16 * 20
    assert (error_px <= 10).mean() >= 0.97


def test_real_clips_end_in_a_registered_model_that_predicts_them(study):
    clips = pd.read_parquet(study.folder / "data" / "clips.parquet")
    ok = clips[clips["status"] == "ok"]
    assert len(ok) >= 20
    assert json.loads((study.folder / "registry.json").read_text())["version"] == "1"
    answer = study.run("rostfine", "predict", ok["path"].iloc[0], "--json")
    assert sum(json.loads(answer.splitlines()[-1]).values()) == pytest.approx(1, abs=1e-6)
