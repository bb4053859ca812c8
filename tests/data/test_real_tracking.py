"""Following annotated sperm of real recordings from their first frame to the last."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rostfine.clips.cut import Cutting
from rostfine.clips.store import read_clip
from rostfine.clips.track import track_video
from rostfine.params import load_params
from rostfine.tracking.tags import Tag

pytestmark = pytest.mark.data

VIDEOS = {"S_0002": 19, "S_0003": 38}
MOVING_PX = 25
NEAR_PX = 10

# The annotators' boxes are right in every frame, but a program linked them. Where sperm 16 and 17
# of S_0003 cross (frames 4 to 6), it gave 17 to the one that had been 16, and 28 to the other: in
# frames 1 to 4 one is dark, upright and swims down, the other is pale, broad and swims left; from
# frame 6 on the dark one is called 17.
SWAPPED = ("S_0003", 17)


def annotated(folder: Path, video: str) -> pd.DataFrame:
    """Return the boxes of all sperm that are annotated in every frame."""
    boxes = pd.read_csv(folder / "tracking" / f"{video}_tracks.csv")
    boxes = boxes[boxes["full_length"] == 1].sort_values("frame")
    by_track = boxes.groupby("track")
    travel_px = np.hypot(
        by_track["cx"].last() - by_track["cx"].first(),
        by_track["cy"].last() - by_track["cy"].first(),
    )
    return boxes.assign(
        sample_id=f"{video}-" + boxes["track"].astype(str),
        is_moving=boxes["track"].map(travel_px) > MOVING_PX,
    )


@pytest.fixture(scope="module")
def errors(real_data, tmp_path_factory) -> pd.DataFrame:
    """How far off each sperm was in each frame, of both videos to their ends."""
    params = load_params(Path(__file__).parents[2] / "params.yaml")
    joined = []
    for video in VIDEOS:
        boxes = annotated(real_data, video)
        first = boxes[boxes["frame"] == 0]
        tags = [
            Tag(row.sample_id, video, 0, float(row.cx), float(row.cy)) for row in first.itertuples()
        ]
        out = tmp_path_factory.mktemp(video)
        path = real_data / "tracking" / f"{video}.mp4"
        track_video(path, tags, out, Cutting(params.tracking, params.clips, math.inf))
        tracks = pd.read_parquet(out / "tracks.parquet")
        both = boxes.merge(tracks, on=["sample_id", "frame"], how="left")
        off_px = np.hypot(both["x_px"] - both["cx"], both["y_px"] - both["cy"])
        joined.append(both.assign(video=video, off_px=off_px.fillna(np.inf)))
    return pd.concat(joined, ignore_index=True)


def shares(errors: pd.DataFrame) -> tuple[float, float]:
    """Return the shares of frames near the annotation, and of sperm near it in the last frame."""
    near = errors["off_px"] <= NEAR_PX
    last = errors["frame"] == errors["video"].map(VIDEOS) - 1
    return float(near.mean()), float(near[last].mean())


def test_of_13_moving_sperm_99_percent_of_frames_are_within_10_px_and_all_are_kept(errors):
    moving = errors[errors["is_moving"]]
    assert moving["sample_id"].nunique() == 13
    frames, kept = shares(moving)
    assert frames >= 0.99
    assert kept == 1.0


def test_of_24_near_still_sperm_every_frame_is_within_10_px(errors):
    still = errors[~errors["is_moving"]]
    assert still["sample_id"].nunique() == 24
    assert shares(still) == (1.0, 1.0)


def test_without_the_pair_whose_links_are_swapped_every_frame_is_within_10_px(errors):
    sure = errors[errors["sample_id"] != "-".join(map(str, SWAPPED))]
    assert shares(sure[sure["is_moving"]]) == (1.0, 1.0)


def test_half_of_all_frames_are_within_1_3_px(errors):
    assert errors["off_px"].median() <= 1.3


def test_clips_of_16_frames_are_cut_from_another_frame_on(real_data, tmp_path):
    params = load_params(Path(__file__).parents[2] / "params.yaml")
    boxes = annotated(real_data, "S_0003")
    first = boxes[boxes["frame"] == 20]
    tags = [Tag(r.sample_id, "S_0003", 20, float(r.cx), float(r.cy)) for r in first.itertuples()]
    path = real_data / "tracking" / "S_0003.mp4"
    done = track_video(path, tags, tmp_path, Cutting(params.tracking, params.clips))
    assert str(done) == f"0 clips kept, {len(tags)} cut, 0 lost, 0 failed"
    for row in done.clips.itertuples():
        clip = read_clip(tmp_path / row.path)
        assert clip.frames.shape == (16, 150, 150, 3)
        ends = boxes[(boxes["sample_id"] == row.sample_id) & (boxes["frame"] == 35)].iloc[0]
        off_px = clip.record.centre_px[15] - (ends["cx"], ends["cy"])
        assert np.hypot(*off_px) <= NEAR_PX
