from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rostfine.errors import InputError
from rostfine.simulate.semen import SemenSettings, simulate_semen
from rostfine.tracking.field import FieldCount, FieldParams, count_field
from rostfine.tracking.shares import MOTILITIES, CountedTrack, compute_shares
from rostfine.video.write import CODECS, write_video

SPERM = 24


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("semen")
    settings = SemenSettings(
        participants=2,
        frames=100,
        width_px=320,
        height_px=240,
        um_per_px=0.7,
        sperm_per_video=SPERM,
        seed=3,
    )
    simulate_semen(folder, settings, processes=1)
    return folder


@pytest.fixture(scope="module")
def counts(sample) -> list[FieldCount]:
    videos = sorted((sample / "videos").iterdir())
    return [count_field(video, FieldParams(), um_per_px=0.7) for video in videos]


def test_shares_of_a_simulated_sample_are_within_12_points_and_6_in_the_mean(sample, counts):
    truth = pd.read_parquet(sample / "truth/participants.parquet")
    true = 100 * truth[list(MOTILITIES)].to_numpy()
    found = [[count.shares[one].percent for one in MOTILITIES] for count in counts]
    off = np.abs(np.array(found) - true)
    assert off.max() < 12
    assert off.mean() < 6


def test_the_three_shares_sum_to_100_and_lie_in_their_intervals(counts):
    for count in counts:
        shares = list(count.shares.values())
        assert sum(share.percent for share in shares) == pytest.approx(100)
        assert all(share.low <= share.percent <= share.high for share in shares)


def test_about_as_many_cells_are_seen_in_a_frame_as_there_are(counts):
    assert all(count.cells_per_frame == pytest.approx(SPERM, rel=0.25) for count in counts)


def test_tracks_are_where_the_sperm_are(sample, counts):
    true = pd.read_parquet(sample / "truth/tracks.parquet")
    true = true[true["participant_id"] == "1"]
    off_px = []
    for track in counts[0].tracks:
        now = true[true["frame"] == track.frame[-1]]
        way = now[["x_px", "y_px"]].to_numpy() - track.place_px[-1]
        off_px.append(np.hypot(*way.T).min())
    assert np.median(off_px) < 1.5


def test_without_a_scale_the_length_of_heads_is_one(sample):
    video = min((sample / "videos").iterdir())
    count = count_field(video, FieldParams(head_px=5 / 0.7, windows=1))
    assert not count.is_scale_known
    assert count.um_per_px == pytest.approx(0.7)


def test_an_empty_field_has_no_cells_and_no_shares(tmp_path):
    video = tmp_path / "empty.avi"
    noise = np.random.default_rng(1).normal(120, 2, (60, 120, 160)).round().astype(np.uint8)
    write_video(video, noise, codec=CODECS["mjpeg"], frame_rate_hz=50.0)
    count = count_field(video, FieldParams(), um_per_px=0.6)
    assert count.cells_per_frame == 0
    assert all(np.isnan(share.percent) for share in count.shares.values())


def test_a_class_counts_by_the_time_it_is_seen():
    def track(motility: str, frames: int) -> CountedTrack:
        return CountedTrack(0, motility, 1.0, np.arange(frames), np.zeros((frames, 2)))

    tracks = [track("progressive", 25), track("progressive", 25), track("immotile", 150)]
    shares = compute_shares(tracks, resamples=200, rng=np.random.default_rng(1))
    assert [shares[one].percent for one in MOTILITIES] == [25, 0, 75]


@pytest.mark.parametrize("um_per_px", [0.0, -1.0, float("nan")])
def test_a_scale_that_is_none_is_refused(sample, um_per_px):
    with pytest.raises(InputError, match="um_per_px: wanted a number above 0, got"):
        count_field(min((sample / "videos").iterdir()), FieldParams(), um_per_px=um_per_px)


def test_a_scale_at_which_a_head_fills_the_picture_is_refused(sample):
    (video, *_) = sorted((sample / "videos").iterdir())
    with pytest.raises(InputError, match=r"\.avi: wanted heads of at most a quarter of the pict"):
        count_field(video, FieldParams(), um_per_px=0.001)
