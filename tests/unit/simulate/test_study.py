import dataclasses

import av
import numpy as np
import pandas as pd
import pytest

from rostfine.files import sha256_of
from rostfine.schemas import TAGS, VIDEOS, VOTES, read_table
from rostfine.simulate.study import StudySettings, render_video, simulate_study

SETTINGS = StudySettings(
    patients=3,
    sperm_per_video=2,
    others_per_video=1,
    frames=8,
    clip_frames=6,
    width_px=320,
    height_px=240,
    codecs=("mjpeg", "h264", "mpeg4"),
    experts=4,
    seed=11,
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    seen = []
    simulate_study(
        folder, SETTINGS, advance=lambda steps=1, note="": seen.append(note), processes=1
    )
    assert seen == ["V001", "V002", "V003"]
    return folder


def digests(folder):
    return {
        str(path.relative_to(folder)): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_study_of_3_videos_is_8_files_and_nothing_else(study):
    assert list(digests(study)) == [
        "data/raw/V001.avi",
        "data/raw/V002.mp4",
        "data/raw/V003.mp4",
        "data/tags.csv",
        "data/videos.csv",
        "data/votes/votes.csv",
        "truth/sperm.parquet",
        "truth/tracks.parquet",
    ]


def test_2_processes_give_the_same_bytes_as_1(study, tmp_path):
    simulate_study(tmp_path, SETTINGS, processes=2)
    assert digests(tmp_path) == digests(study)


def test_another_seed_gives_other_videos_and_votes(study, tmp_path):
    simulate_study(tmp_path, dataclasses.replace(SETTINGS, seed=12), processes=1)
    same = set(digests(tmp_path).items()) & set(digests(study).items())
    assert {name for name, _ in same} <= {"data/videos.csv"}


def test_one_video_rendered_alone_has_the_same_bytes(study, tmp_path):
    render_video(tmp_path, SETTINGS, 1)
    assert sha256_of(tmp_path / "data/raw/V002.mp4") == sha256_of(study / "data/raw/V002.mp4")


@pytest.mark.parametrize("name", ["V001.avi", "V002.mp4", "V003.mp4"])
def test_each_video_has_8_frames_of_320_by_240_px_at_15_hz(study, name):
    with av.open(str(study / "data" / "raw" / name)) as container:
        assert container.streams.video[0].average_rate == 15
        frames = list(container.decode(video=0))
    assert [(frame.width, frame.height) for frame in frames] == [(320, 240)] * 8


def test_two_videos_do_not_share_their_background(study):
    first, second = (
        next(av.open(str(study / "data" / "raw" / name)).decode(video=0)).to_ndarray(format="gray")
        for name in ("V002.mp4", "V003.mp4")
    )
    assert np.median(np.abs(first.astype(int) - second)) > 4


def test_the_tables_of_the_lab_are_what_the_pipeline_reads(study):
    videos = read_table(study / "data" / "videos.csv", VIDEOS)
    tags = read_table(study / "data" / "tags.csv", TAGS)
    votes = read_table(study / "data" / "votes" / "votes.csv", VOTES)
    assert len(videos) == 3
    assert len(tags) == 6
    assert set(votes["sample_id"]) == set(tags["sample_id"])
    assert set(tags["video_id"]) == set(videos["video_id"])
    assert tags["frame"].between(0, 2).all()


def test_tracks_hold_8_frames_of_each_of_9_sperm_and_3_have_no_sample(study):
    tracks = pd.read_parquet(study / "truth" / "tracks.parquet")
    assert len(tracks) == 9 * 8
    assert tracks.groupby("sperm_id")["sample_id"].first().isna().sum() == 3


def test_tags_are_clicked_1_px_from_the_true_track(tmp_path):
    many = StudySettings(
        patients=6, frames=1, clip_frames=1, width_px=900, height_px=700, experts=1, seed=2
    )
    simulate_study(tmp_path, many, processes=1)
    tags = read_table(tmp_path / "data" / "tags.csv", TAGS)
    tracks = pd.read_parquet(tmp_path / "truth" / "tracks.parquet")
    both = tags.merge(tracks, on=["sample_id", "frame"], suffixes=("", "_true"))
    off_px = np.concatenate([both["x_px"] - both["x_px_true"], both["y_px"] - both["y_px_true"]])
    assert len(both) == 36
    assert off_px.std() == pytest.approx(1.0, abs=0.25)


def test_truth_says_quality_and_every_trait(study):
    sperm = pd.read_parquet(study / "truth" / "sperm.parquet")
    assert len(sperm) == 9
    assert {"quality", "speed_um_s", "vacuole_fraction", "sample_id"} <= set(sperm.columns)
