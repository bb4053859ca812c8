import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from rostfine.errors import InputError
from rostfine.models.anchors import PUBLISHED
from rostfine.models.mask_rcnn import build_head_net
from rostfine.morphology.params import load_morphology_params
from rostfine.morphology.predictor import HeadPredictor
from rostfine.morphology.saved import HeadSettings, load_heads
from rostfine.morphology.use import Wanted, count_steps, find_heads, is_still, list_sources
from rostfine.simulate.heads import HeadSettings as Simulated
from rostfine.simulate.heads import draw_picture
from rostfine.simulate.heads_video import simulate_head_video
from rostfine.training.saved import save_model
from rostfine.video.reader import open_video

CHECKOUT = Path(__file__).parents[3]
VIEW = Simulated(train=1, width_px=96, height_px=96, um_per_px=0.15, sperm_per_picture=(1, 2))
FRAMES = 4


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    """An untrained network, which finds what it likes: all that stands around it is tested here."""
    params = load_morphology_params(CHECKOUT / "morphology" / "params.small.yaml")
    torch.manual_seed(2)
    small = params.experiments["small"]
    model = build_head_net(small.model, len(params.data.classes), PUBLISHED)
    classes = params.data.classes
    settings = HeadSettings(
        "heads", "morphology/small", "", "", small, tuple(classes), classes, PUBLISHED, 0.15
    )
    folder = tmp_path_factory.mktemp("model")
    save_model(folder, model, settings)
    return folder


@pytest.fixture(scope="module")
def predictor(model_folder):
    return HeadPredictor(*load_heads(model_folder))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A picture, one in a folder below, a video, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("slides")
    (folder / "below").mkdir()
    pixels = draw_picture(VIEW, 0)
    for name in ("one.png", "below/two.jpg"):
        cv2.imwrite(str(folder / name), pixels[:, :, ::-1])
    simulate_head_video(folder / "view.avi", VIEW, frames=FRAMES)
    (folder / "view.parquet").unlink()
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not looked at")
    return folder


def test_a_saved_model_keeps_the_order_of_its_classes(predictor):
    assert list(predictor.settings.classes) == ["good", "bad"]
    assert predictor.roles == {"good": "good", "bad": "bad"}


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_sources_are_pictures_and_videos_below_a_folder(folder):
    sources = list_sources(folder, folder / "out")
    names = [path.relative_to(folder).as_posix() for path in sources]
    assert names == ["below/two.jpg", "broken.png", "one.png", "view.avi"]
    assert [is_still(path) for path in sources] == [True, True, True, False]
    assert count_steps(folder / "view.avi") == FRAMES
    with pytest.raises(InputError, match="no such file"):
        list_sources(folder / "none.png", folder / "out")


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(InputError, match="wanted pictures or videos, got none"):
        list_sources(tmp_path, tmp_path / "out")


def test_all_of_a_folder_is_found_annotated_and_written_but_what_cannot_be_read(
    folder, predictor, tmp_path
):
    steps = []
    find_heads(
        folder,
        predictor,
        tmp_path,
        wanted=Wanted(least_score=0.0),
        advance=lambda steps_=1, note="": steps.append(note),
    )
    copies = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.*"))
    assert copies == [
        "annotated/below/two.jpg.png", "annotated/one.png", "annotated/view.avi.mp4",
        "failed.csv", "instances.csv", "instances.json", "verdicts.csv",
    ]  # fmt: skip
    (failed,) = rows_of(tmp_path / "failed.csv")
    assert failed["picture"] == "broken.png"
    rows = rows_of(tmp_path / "instances.csv")
    assert {row["picture"] for row in rows} == {"below/two.jpg", "one.png", "view.avi"}
    assert {row["frame"] for row in rows if row["picture"] == "view.avi"} == set("0123")
    assert all(float(row["length_um"]) > 0 for row in rows)
    said = json.loads((tmp_path / "instances.json").read_text())
    assert len(said) == len(rows)
    assert len(steps) == 2 + FRAMES


def test_the_copy_of_a_video_has_all_of_its_frames_and_colours(folder, predictor, tmp_path):
    find_heads(folder / "view.avi", predictor, tmp_path, wanted=Wanted(least_score=1.0))
    with open_video(folder / "view.avi") as video:
        originals = [frame.rgb() for frame in video.frames()]
    with open_video(tmp_path / "annotated" / "view.avi.mp4") as video:
        copies = [frame.rgb() for frame in video.frames()]
    assert len(copies) == len(originals) == FRAMES
    # Nothing is sure enough to be drawn: the copy is the frame, enlarged by a whole number.
    zoom = copies[0].shape[0] // originals[0].shape[0]
    again = copies[-1][zoom // 2 :: zoom, zoom // 2 :: zoom].astype(float)
    assert np.abs(again - originals[-1]).mean() < 6


def test_a_video_that_breaks_off_is_used_as_far_as_it_goes(folder, predictor, tmp_path):
    whole = (folder / "view.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) * 6 // 10])
    findings = find_heads(
        tmp_path / "cut.avi", predictor, tmp_path / "out", wanted=Wanted(least_score=0.0)
    )
    (line,) = findings.failures
    assert "cut.avi" in line
    rows = rows_of(tmp_path / "out" / "instances.csv")
    assert 0 < len({row["frame"] for row in rows}) < FRAMES
    assert (tmp_path / "out" / "annotated" / "cut.avi.mp4").exists()


def run(*args, cwd):
    command = [sys.executable, "-m", "rostfine.cli", "heads", *map(str, args)]
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_the_command_finds_by_default_and_its_exit_code_says_that_something_failed(
    folder, model_folder, tmp_path
):
    done = run(folder / "one.png", "--model", model_folder, "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "found: good" in done.stdout
    assert "not a medical device" in done.stdout
    failed = run(folder / "broken.png", "--model", model_folder, "--out", "no", cwd=tmp_path)
    assert failed.returncode == 1
    assert "broken.png" in failed.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (["none.png", "--out", "out"], "none.png: no such file or folder"),
        (["{one}", "--out", "{one}"], "wanted a folder, got a file"),
        (["{one}", "--out", "out", "--um-per-px", "-1"], "--um-per-px: wanted a length"),
        (["{one}", "--out", "out", "--model", "{folder}"], "wanted models:/name@alias"),
    ],
)
def test_what_cannot_be_asked_is_one_line(said, wanted, folder, tmp_path):
    filled = [one.format(one=folder / "one.png", folder=folder) for one in said]
    done = run(*filled, cwd=tmp_path)
    assert done.returncode == 1
    assert wanted in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()
