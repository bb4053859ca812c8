"""What a person sees when the lab's input is wrong: one line, exit code 1, nothing half-written."""

import os
import re

import pandas as pd
import pytest

from rostfine.training.work import only_one

TAGS = "sample_id,video_id,frame,x_px,y_px\n"
VOTES = "sample_id,expert_id,grade,voted_at\n"


@pytest.fixture(scope="module")
def cut(new_workspace):
    """A study of 3 patients with its clips cut."""
    workspace = new_workspace("bad")
    workspace.run("rostfine", "simulate", ".", "--patients", "3")
    workspace.run("python", "-m", "stages.cut_clips")
    return workspace


@pytest.fixture
def keep(cut):
    """Put every table back after a test has spoilt it."""
    data = cut.folder / "data"
    paths = [data / "tags.csv", cut.folder / "params.yaml", *data.glob("*.parquet")]
    paths += [*data.glob("votes/*"), *data.glob("raw/*")]
    before = {path: path.read_bytes() for path in paths}
    yield cut
    for path in [*data.glob("votes/*"), *data.glob("raw/*"), *data.glob("*.parquet")]:
        if path not in before:
            path.unlink()
    for path, content in before.items():
        path.write_bytes(content)


def fail(workspace, stage: str) -> str:
    """Run a stage that must fail; return the last line that it printed."""
    output = workspace.run("python", "-m", f"stages.{stage}", code=1)
    assert "Traceback" not in output
    return output.strip().splitlines()[-1]


def append(path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_a_truncated_video_is_named_and_the_other_clips_are_cut(keep):
    raw = sorted((keep.folder / "data" / "raw").iterdir())
    raw[0].write_bytes(raw[0].read_bytes()[: raw[0].stat().st_size // 4])
    line = fail(keep, "cut_clips")
    assert raw[0].name in line
    clips = pd.read_parquet(keep.folder / "data" / "clips.parquet").set_index("video_id")
    assert (clips.loc[raw[0].stem, "status"] == "failed").all()
    assert (clips.loc[raw[1].stem, "status"] == "ok").all()
    kept = {path.stem for path in (keep.folder / "data" / "clips").iterdir()}
    assert kept == set(clips.loc[clips["status"] == "ok", "sample_id"])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("new,V001,0,5000,10\n", ["new", "5000", "frame"]),
        ("new,nowhere,0,10,10\n", ["new", "nowhere", "data/raw"]),
        ("new,V001,0,ten,10\n", ["tags.csv", "x_px", "'ten'"]),
        ("new,V001,0,10\n", ["tags.csv", "y_px"]),
        ("new,V001,99,100,100\n", ["new", "99"]),
    ],
)
def test_a_bad_tag_is_named_with_what_is_wrong(keep, row, words):
    append(keep.folder / "data" / "tags.csv", row)
    line = fail(keep, "cut_clips")
    assert all(word in line for word in words), line


def test_a_doubled_sample_is_named(keep):
    tags = keep.folder / "data" / "tags.csv"
    first = tags.read_text().splitlines()[1]
    append(tags, first + "\n")
    assert f"sample_id '{first.split(',')[0]}' occurs twice" in fail(keep, "cut_clips")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (VOTES + "{sample},e,Z,2026-01-01\n", ["later.csv", "row 2", "unknown grade 'Z'"]),
        (VOTES + "stranger,e,A,2026-01-01\n", ["later.csv", "row 2", "unknown sample 'stranger'"]),
        ("sample_id,grade\ns,A\n", ["later.csv", "no column expert_id, voted_at"]),
        (VOTES + 'a,"b\n', ["later.csv", "not a readable table"]),
    ],
)
def test_a_bad_vote_is_named_and_the_labels_stay_as_they_were(keep, text, words):
    keep.run("python", "-m", "stages.aggregate_votes")
    labels = (keep.folder / "data" / "labels.parquet").read_bytes()
    sample = pd.read_parquet(keep.folder / "data" / "clips.parquet")["sample_id"].iloc[0]
    (keep.folder / "data" / "votes" / "later.csv").write_text(text.format(sample=sample))
    output = keep.run("python", "-m", "stages.aggregate_votes", code=1)
    assert "Traceback" not in output
    assert all(word in output for word in words), output
    assert (keep.folder / "data" / "labels.parquet").read_bytes() == labels


def test_a_clip_without_votes_is_named(keep):
    path = next((keep.folder / "data" / "votes").iterdir())
    votes = pd.read_csv(path)
    sample = votes["sample_id"].iloc[0]
    votes[votes["sample_id"] != sample].to_csv(path, index=False)
    output = keep.run("python", "-m", "stages.aggregate_votes", code=1)
    assert f"{sample}: 0 votes; wanted at least 1" in output


def test_fewer_patients_than_folds_are_refused(keep):
    keep.run("python", "-m", "stages.aggregate_votes")
    keep.set_params(folds__k=4)
    assert "as many as there are patients (3), got 4" in fail(keep, "make_folds")


@pytest.mark.parametrize(
    ("key", "words"),
    [("clips__framez", "unknown key clips.framez"), ("clips", "missing key tracking")],
)
def test_an_unknown_or_missing_key_of_params_is_named(keep, key, words):
    if "__" in key:
        keep.set_params(**{key: 1})
    else:
        (keep.folder / "params.yaml").write_text("clips: {frames: 16, size_px: 150}\n")
    assert words in fail(keep, "cut_clips")


@pytest.fixture
def ready(keep):
    """The study, ready to be trained on."""
    keep.set_params(experiments__rostfine__model__pretrained=None)
    for stage in ("aggregate_votes", "make_folds"):
        keep.run("python", "-m", f"stages.{stage}")
    return keep


def fail_training(workspace, code: int = 1) -> str:
    output = workspace.run("python", "-m", "stages.cross_validate", "rostfine", code=code)
    assert "Traceback" not in output
    return output.strip().splitlines()[-1]


def test_a_full_disk_is_told_in_one_line_and_what_was_there_stays(ready):
    folds = ready.folder / "data" / "folds.parquet"
    before = folds.read_bytes()
    # No file may grow beyond a kilobyte, as if that was all the room there is.
    output = ready.run("bash", "-c", "ulimit -f 1; python -m stages.make_folds", code=1)
    assert "Traceback" not in output
    assert "File too large" in output.strip().splitlines()[-1]
    assert folds.read_bytes() == before
    assert not list(folds.parent.glob(".folds-*"))


def test_labels_that_do_not_sum_to_one_are_named_before_anything_is_trained(ready):
    path = ready.folder / "data" / "labels.parquet"
    labels = pd.read_parquet(path)
    labels.loc[2, "p_A"] += 0.5
    labels.to_parquet(path)
    line = fail_training(ready)
    assert f"wanted probabilities that sum to 1, got other sums for {labels.sample_id[2]}" in line


def test_training_clips_of_one_grade_are_refused(ready):
    path = ready.folder / "data" / "labels.parquet"
    labels = pd.read_parquet(path)
    labels[["p_A", "p_B", "p_C", "p_D", "p_E"]] = [0.0, 0.0, 1.0, 0.0, 0.0]
    labels.to_parquet(path)
    assert "fold_0: wanted clips of two modal grades or more" in fail_training(ready)


def test_more_workers_than_clips_of_a_batch_are_refused(ready):
    ready.set_params(training__workers_per_fold=99)
    assert "training.workers_per_fold: wanted at most 12" in fail_training(ready)


def test_a_gpu_where_there_is_none_is_refused(ready):
    ready.set_params(training__device="gpu")
    assert "training.device: wanted gpu, but Ray knows of none" in fail_training(ready)


def test_a_second_training_is_refused_and_told_of_the_first(ready):
    with only_one(ready.folder, "timesformer"):
        line = fail_training(ready, code=75)
    assert re.search(rf"already trained in by process {os.getpid()} on .* \(timesformer,", line)


def test_dvc_stops_with_a_bad_stage_and_runs_none_after_it(keep):
    append(keep.folder / "data" / "tags.csv", "new,nowhere,0,10,10\n")
    output = keep.run("dvc", "repro", code=None)
    assert "nowhere" in output
    assert "Running stage 'aggregate_votes'" not in output
