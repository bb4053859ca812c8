import numpy as np
import pandas as pd
import pytest

from rostfine.clips.motility import tabulate_motility
from rostfine.params import MotilityParams
from rostfine.schemas import MOTILITY, read_table, write_table

PARAMS = MotilityParams(smoothing_s=0.167)


def track(sample_id: str, step_px: float, time_s: np.ndarray) -> pd.DataFrame:
    count = len(time_s)
    x_px = 50 + step_px * np.arange(count)
    return pd.DataFrame(
        {"sample_id": sample_id, "time_s": time_s, "x_px": x_px, "y_px": 80.0, "status": "seen"}
    )


def then(track: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """A track that goes over to another sperm."""
    after = other["time_s"] + track["time_s"].max() + 1 / 30
    return pd.concat([track, other.assign(time_s=after, status="doubtful")])


TRACKS = pd.concat(
    [
        track("swims", 2.0, np.arange(31) / 30),
        track("stands", 0.0, np.arange(31) / 30),
        track("unscaled", 2.0, np.arange(16) / 30),
        track("timeless", 2.0, np.full(16, np.nan)),
        track("lost at once", 2.0, np.full(1, np.nan)),
        track("twice", 2.0, np.array([0.0, 0.1, 0.1, 0.2])),
        then(track("astray", 0.0, np.arange(31) / 30), track("astray", 9.0, np.arange(31) / 30)),
    ]
)
NAMES = ["swims", "stands", "unscaled", "timeless", "lost at once", "twice", "astray"]
SCALES = {**dict.fromkeys(NAMES, 0.5), "unscaled": np.nan}


@pytest.fixture
def table(tmp_path) -> pd.DataFrame:
    """The table as the next stage reads it."""
    path = tmp_path / "motility.parquet"
    write_table(path, tabulate_motility(TRACKS, SCALES, PARAMS), MOTILITY)
    return read_table(path, MOTILITY).set_index("sample_id")


def test_each_track_has_a_row_in_pixels_and_in_micrometres(table):
    assert table.index.to_list() == list(SCALES)
    swims = table.loc["swims"]
    assert (swims["frames"], swims["duration_s"]) == (31, pytest.approx(1.0))
    assert swims["vcl_px_s"] == pytest.approx(60)
    assert swims["vcl_um_s"] == pytest.approx(30)
    assert swims[["lin", "str", "wob"]].to_list() == pytest.approx([1, 1, 1])


def test_classes_are_told_where_a_scale_is_known_and_only_there(table):
    assert table["who_class"].fillna("none").to_dict() == {
        "swims": "rapid",
        "stands": "immotile",
        "unscaled": "none",
        "timeless": "none",
        "lost at once": "none",
        "twice": "none",
        "astray": "immotile",
    }
    assert table.loc["unscaled", "vcl_px_s"] == pytest.approx(60)
    assert np.isnan(table.loc["unscaled", "vcl_um_s"])
    assert table.index[table["stands"] == 1].to_list() == ["stands", "astray"]


@pytest.mark.parametrize("sample_id", ["timeless", "lost at once", "twice"])
def test_a_video_without_times_that_rise_tells_nothing_of_speed(table, sample_id):
    assert table.loc[sample_id, ["vcl_px_s", "vsl_px_s", "bcf_hz"]].isna().all()


def test_frames_that_may_show_another_sperm_are_left_out(table):
    assert table.loc["astray", "frames"] == 31
