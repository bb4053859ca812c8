"""Semen videos, simulated and real, from published tables to a registered model."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from rostfine.registry import find_version
from rostfine.schemas import read_table
from rostfine.visem.tables import PARTICIPANTS, STACKS

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:::mlflow")]

REAL = Path(os.environ.get("ROSTFINE_REAL_DATA", Path(__file__).parents[3] / "shared/data"))
VIDEOS = ("demo1_motile.mp4", "seg_000.mp4")
CHANGES = {
    "folds": {"k": 2},
    "frames": {"positions": 3, "image_px": 32},
    "autoencoder": {"inputs": ["I3"]},
    "compare": {"bootstrap": 100},
    "register": {"motility": {"input": "I3"}, "morphology": {"input": "I3"}},
}


def change(held, changes):
    for key, value in changes.items():
        held[key] = change(held[key], value) if isinstance(value, dict) else value
    return held


def add_real_videos(data):
    """Give two participants of the published table the real videos; nobody knows whose they are."""
    semen, listing = data / "semen_analysis_data.csv", data / "videos.csv"
    rows = (REAL / "semen" / semen.name).read_text(encoding="utf-8-sig").splitlines()[1:3]
    last = len(listing.read_text().splitlines()) - 1
    for at, (name, row) in enumerate(zip(VIDEOS, rows, strict=True), start=last + 1):
        shutil.copyfile(REAL / "semen" / name, data / "videos" / name)
        _, _, measured = row.partition(";")
        with semen.open("a", newline="") as file:
            file.write(f"{at};{measured}\r\n")
        with listing.open("a", newline="") as file:
            file.write(f"{at};{name}\r\n")


@pytest.fixture(scope="module")
def semen(new_workspace):
    """A workspace whose semen samples went through the flow once; what it printed."""
    workspace = new_workspace("semen")
    workspace.run("rostfine", "visem", "simulate", "visem/data", "--participants", "6")
    if (REAL / "semen").is_dir():
        add_real_videos(workspace.folder / "visem/data")
    path = workspace.folder / "visem/params.yaml"
    params = change(yaml.safe_load(path.read_text()), CHANGES)
    for step in ("autoencoder", "regressor"):
        params[step]["fit"] = {**params[step]["fit"], "epochs": 1}
    path.write_text(yaml.safe_dump(params, sort_keys=False))
    workspace.first_run = workspace.run("python", "-m", "flows.visem", ".")
    return workspace


def test_the_flow_goes_from_tables_and_videos_to_registered_models(semen):
    for name in ("visem-motility", "visem-morphology"):
        champion = find_version(name, "champion", semen.folder)
        assert champion is not None
        assert champion.version == 1
        assert name + " 1" in semen.first_run
    reports = semen.folder / "visem/reports"
    assert "paper" in (reports / "table1.md").read_text()
    assert (reports / "report.html").stat().st_size > 100_000


def test_real_videos_go_through_every_stage(semen):
    if not (REAL / "semen").is_dir():
        pytest.skip(f"no real videos in {REAL}")
    who = read_table(semen.folder / "visem/participants.parquet", PARTICIPANTS)
    ids = set(who.loc[who["video"].str.endswith(".mp4"), "participant_id"])
    assert len(ids) == len(VIDEOS)
    stacks = read_table(semen.folder / "visem/frames.parquet", STACKS)
    said = pd.read_parquet(semen.folder / "visem/runs/I3_motility/predictions.parquet")
    for table in (stacks, said):
        assert (table.groupby("participant_id").size()[list(ids)] == 3).all()


def test_with_nothing_new_nothing_runs(semen):
    assert "nothing new" in semen.run("python", "-m", "flows.visem", ".")
    assert "Running stage" not in semen.run("dvc", "repro", "visem/dvc.yaml")


def test_the_registered_model_answers_for_a_video(semen):
    (video, *_) = sorted((semen.folder / "visem/data/videos").glob("1_*.avi"))
    said = semen.run(
        "rostfine", "semen", str(video), "--model", "models:/visem-motility@champion",
        "--json", "--um-per-px", "1",
    )  # fmt: skip
    answer = json.loads(said[said.index("{") :])
    assert sum(share["percent"] for share in answer["shares"].values()) == pytest.approx(100, 1e-3)
