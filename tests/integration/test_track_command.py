"""`rostfine track`, as a person types it."""

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rostfine.simulate.plan import StudySettings
from rostfine.simulate.study import simulate_study

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("track")
    settings = StudySettings(
        patients=1, sperm_per_video=2, others_per_video=0, width_px=500, height_px=400, frames=30
    )
    simulate_study(folder, settings)
    return folder


def track(study: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).parent / "rostfine", "track", *options]
    params = ["--params", ROOT / "params.yaml"]
    return subprocess.run(
        [*map(str, [*command, *params])], cwd=study, capture_output=True, text=True, check=False
    )


def test_it_follows_all_tags_and_draws_them(study):
    tags = pd.read_csv(study / "data/tags.csv")
    done = track(
        study,
        "data/raw/V001.avi",
        *("--tags", "data/tags.csv", "--out", "out", "--frames", "18"),
        *("--um-per-px", "0.19", "--overlay"),
    )
    assert done.returncode == 0, done.stderr
    assert "V001_tracks.mp4, V001_tracks.png" in done.stdout
    tracks = pd.read_parquet(study / "out/tracks.parquet")
    assert tracks["sample_id"].unique().tolist() == tags["sample_id"].tolist()
    counts = tracks.groupby("sample_id").size()
    # A tag may be too near to the end for 18 frames more.
    wanted = np.minimum(18, 30 - tags.set_index("sample_id")["frame"])
    assert (counts == wanted).all()
    motility = pd.read_parquet(study / "out/motility.parquet")
    assert motility["who_class"].notna().all()
    with av.open(str(study / "out/V001_tracks.mp4")) as film:
        shown = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(shown) == tracks["frame"].max() - tracks["frame"].min() + 1
    # The video is grey, what is drawn is not.
    assert np.ptp(shown[0].astype(int), axis=2).max() > 100
    with Image.open(study / "out/V001_tracks.png") as sheet:
        assert min(sheet.size) > 100


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("data/raw/V001.avi", "--tag", "9,9", "--frames", "5"), "--frames: wanted 16, a clip"),
        (("data/raw/V001.avi", "--tag", "9,9", "--um-per-px", "0"), "--um-per-px: wanted a length"),
        (("data/raw/V001.avi",), "wanted either --tag X,Y or --tags TABLE"),
        (("data/raw/V001.avi", "--tag", "9,9", "--tags", "data/tags.csv"), "wanted either --tag"),
        (
            ("data/raw/V001.avi", "--tags", "data/tags.csv", "--frame", "3"),
            "--frame: wanted with --tag only, a table names its own; got 3",
        ),
        (("data/raw/none.avi", "--tag", "9,9"), "none.avi: no such file; wanted a video"),
        (("data/tags.csv", "--tag", "9,9"), "data/tags.csv: not a readable video"),
        (("data/raw/V001.avi", "--tag", "900,9"), "lies outside of the frame of 500x400 px"),
    ],
)
def test_what_cannot_be_is_one_clear_line(study, tmp_path, options, words):
    done = track(study, *options, "--out", str(tmp_path / "out"))
    assert done.returncode != 0
    told = [line for line in done.stderr.splitlines() if not line.startswith("following sperm")]
    assert len(told) == 1
    assert words in told[0]


def test_one_bad_tag_costs_the_good_one_nothing(study, tmp_path):
    tags = (study / "data/tags.csv").read_text().splitlines()[:2]
    (tmp_path / "tags.csv").write_text("\n".join([*tags, "out,V001,0,9999,9"]))
    out = tmp_path / "out"
    done = track(
        study, "data/raw/V001.avi", "--tags", str(tmp_path / "tags.csv"), "--out", str(out)
    )
    assert done.returncode != 0
    assert "1 cut, 0 lost, 1 failed" in done.stdout
    assert len(pd.read_parquet(out / "motility.parquet")) == 1


def test_a_second_tag_does_not_replace_the_clip_of_the_first(study, tmp_path):
    first, second = pd.read_csv(study / "data/tags.csv").itertuples()
    places = [f"--tag={t.x_px},{t.y_px} --frame={t.frame}".split() for t in (first, second)]
    out = tmp_path / "out"
    assert track(study, "data/raw/V001.avi", *places[0], "--out", str(out)).returncode == 0
    clips = {path.name: path.read_bytes() for path in (out / "clips").iterdir()}
    done = track(study, "data/raw/V001.avi", *places[1], "--out", str(out))
    assert done.returncode != 0
    assert "wanted a folder of its own" in done.stderr
    assert {path.name: path.read_bytes() for path in (out / "clips").iterdir()} == clips


def test_a_file_is_no_folder_to_write_into(study, tmp_path):
    (tmp_path / "out").write_text("mine")
    done = track(study, "data/raw/V001.avi", "--tag", "9,9", "--out", str(tmp_path / "out"))
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].endswith("wanted a folder to write into, found a file")
    assert (tmp_path / "out").read_text() == "mine"
