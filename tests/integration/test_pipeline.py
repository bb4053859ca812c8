"""The whole pipeline on a small simulated study, with the real DVC, Ray, MLflow and Prefect."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rostfine.clips.store import read_clip
from rostfine.export import load_exported
from rostfine.registry import fetch_kept, find_version, keep_with

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:::mlflow"),
    pytest.mark.filterwarnings("ignore:::alembic"),
]

CLIP_STAGES = ["cut_clips", "measure_images", "measure_motility", "review_tracks"]
VOTE_STAGES = [
    "aggregate_votes",
    "make_folds",
    "cross_validate@rostfine",
    "compare",
    "explain",
    "register",
    "gate",
    "report",
]


STAGES = [*CLIP_STAGES, *VOTE_STAGES]
CHAIN = ["cut_clips", *(stage for stage in VOTE_STAGES if stage != "explain")]
"""Each of them waits for the one before it."""


def ran(output: str) -> list[str]:
    return re.findall(r"Running stage '([^']+)'", output)


def table(study, name: str) -> pd.DataFrame:
    return pd.read_parquet(study.folder / name)


def test_every_stage_runs_once_and_in_order(study):
    order = ran(study.first_run)
    assert sorted(order) == sorted(STAGES)
    # What nothing else waits for DVC may run at any time.
    assert [stage for stage in order if stage in CHAIN] == CHAIN


def test_every_clip_is_predicted_once_by_a_model_that_never_saw_its_patient(study):
    clips = table(study, "data/clips.parquet")
    folds = table(study, "data/folds.parquet")
    predictions = table(study, "runs/rostfine/predictions.parquet")
    ok = clips.loc[clips["status"] == "ok", "sample_id"]
    assert len(ok) >= 30
    assert sorted(predictions["sample_id"]) == sorted(ok)
    assert np.allclose(predictions.filter(like="p_").sum(axis=1), 1, atol=1e-5)
    joined = predictions.merge(folds, on="sample_id", suffixes=("", "_wanted"))
    assert (joined["fold"] == joined["fold_wanted"]).all()
    patients = folds.merge(clips, on="sample_id").groupby("patient_id")["fold"].nunique()
    assert patients.max() == 1


def test_nothing_runs_the_second_time(study):
    again = study.run("dvc", "repro")
    assert ran(again) == []
    assert "Data and pipelines are up to date." in again


def test_what_became_of_the_pretrained_weights_is_printed_and_kept(study):
    kept = (study.folder / "runs" / "rostfine" / "pretrained.txt").read_text()
    assert kept.startswith("data/weights/start.safetensors\nlayout: official TimeSformer or timm\n")
    assert "ignored (1): head" in kept
    assert "encoder.time_embed" in kept
    assert "weights: data/weights/start.safetensors" in study.first_run


def test_other_weights_make_the_experiment_stale(study):
    other = study.folder / "data" / "weights" / "other"
    other.write_text("anything")
    # Of the main graph: without its name DVC tells of studies that were never run, too.
    status = ("dvc", "status", "--json", "dvc.yaml")
    assert "cross_validate@rostfine" in json.loads(study.run(*status))
    other.unlink()
    assert json.loads(study.run(*status)) == {}


def test_the_flow_says_nothing_new_where_nothing_is(study):
    output = study.run("python", "-m", "flows.retrain", ".")
    assert "nothing new" in output
    assert "Running stage" not in output


def test_the_registered_model_answers_from_the_command_line_and_from_python(study):
    clip = sorted((study.folder / "data" / "clips").glob("*.npz"))[0]
    answer = json.loads(study.run("rostfine", "predict", str(clip), "--json").splitlines()[-1])
    assert list(answer) == ["A", "B", "C", "D", "E"]
    assert sum(answer.values()) == pytest.approx(1, abs=1e-6)
    code = (
        "import json; from rostfine import registry;"
        "model = registry.load('models:/rostfine@champion');"
        f"print(json.dumps(model.predict_clip({str(clip)!r})))"
    )
    again = json.loads(study.run("python", "-c", code).splitlines()[-1])
    assert again == pytest.approx(answer, abs=1e-6)


def test_the_registered_model_is_exported_and_predicts_what_it_did(study):
    said = study.run("rostfine", "export", "models:/rostfine@champion", "exported")
    assert "exported: fp32, at most" in said
    clip = sorted((study.folder / "data" / "clips").glob("*.npz"))[0]
    wanted = json.loads(study.run("rostfine", "predict", str(clip), "--json").splitlines()[-1])
    frames = torch.from_numpy(read_clip(clip).frames)[None]
    found = load_exported(study.folder / "exported")(frames)[0]
    assert found.tolist() == pytest.approx(list(wanted.values()), abs=1e-4)


def test_the_pictures_of_explain_are_of_models_that_never_saw_the_clip(study):
    told = json.loads((study.folder / "reports/figures/explain/explain.json").read_text())
    folds = table(study, "data/folds.parquet").set_index("sample_id")["fold"]
    assert len(told) == 2
    for one in told:
        assert one["trained_on"] == f"all data but fold {folds[one['sample_id']]}"
        assert (study.folder / one["path"]).read_bytes().startswith(b"\x89PNG")
        assert one["sample_id"] in (study.folder / "reports" / "index.html").read_text()


def test_a_video_and_its_tag_give_the_prediction_of_its_clip(study):
    tag = pd.read_csv(study.folder / "data" / "tags.csv").iloc[0]
    clip = f"data/clips/{tag['sample_id']}.npz"
    video = next((study.folder / "data" / "raw").glob(f"{tag['video_id']}.*"))
    from_clip = json.loads(study.run("rostfine", "predict", clip, "--json").splitlines()[-1])
    where = ["--tag", f"{tag['x_px']},{tag['y_px']}", "--frame", str(tag["frame"])]
    output = study.run("rostfine", "predict", str(video), *where, "--json")
    assert json.loads(output.splitlines()[-1]) == pytest.approx(from_clip, abs=1e-6)


def test_the_first_model_is_champion_and_the_report_tells_why(study):
    registered = json.loads((study.folder / "registry.json").read_text())
    assert (registered["name"], registered["alias"]) == ("rostfine", "challenger")
    decided = json.loads((study.folder / "decision.json").read_text())
    assert (decided["challenger"], decided["champion"], decided["verdict"]) == (1, None, "passed")
    page = (study.folder / "reports" / "index.html").read_text()
    assert f"models:/rostfine/{registered['version']}" in page
    assert "Version 1 of rostfine against no champion: passed" in page
    assert str(study.folder) not in page
    (line,) = [s for s in study.run("rostfine", "versions").splitlines() if s.startswith("1 ")]
    assert "champion" in line
    assert "EMD" in line


def test_a_version_comes_with_its_card_and_all_that_it_was_made_of(study):
    version = find_version("rostfine", "champion", study.folder)
    names = ("MODEL_CARD.md", "predictions.parquet", "votes.parquet", "dvc.lock", "params.yaml")
    for name in names:
        assert fetch_kept(version, name, study.folder / "kept", study.folder)
    card = (study.folder / "kept" / "MODEL_CARD.md").read_text()
    assert "medical device" in card
    assert "6 patients" in card
    shutil.rmtree(study.folder / "kept")


def test_a_version_made_once_more_is_the_same_to_the_bit(study):
    version = find_version("rostfine", 1, study.folder)
    right = {"sha256.folds": version.tags["sha256.folds"]}
    card = study.folder / "params.yaml"
    # One hash is made wrong, to see that it is told, and only it.
    keep_with(version, "a-file", card, {"sha256.folds": "0" * 64}, study.folder)
    said = study.run("rostfine", "reproduce", "1", code=1)
    keep_with(version, "a-file", card, right, study.folder)
    for name in ("labels", "predictions", "weights"):
        assert f"{name}: the same" in said
    assert "folds: DIFFERS" in said
    assert "version 1 of rostfine: made once more, it is another" in said


def test_one_vote_more_runs_everything_from_aggregate_votes_on_and_not_cut_clips(study):
    sample = table(study, "data/clips.parquet")["sample_id"].iloc[0]
    votes = study.folder / "data" / "votes" / "later.csv"
    votes.write_text(
        f"sample_id,expert_id,grade,voted_at\n{sample},newcomer,E,2026-11-01T12:00:00Z\n"
    )
    before = table(study, "data/labels.parquet").set_index("sample_id")
    assert "1 accepted" in study.run("rostfine", "votes", "collect")
    output = study.run("dvc", "repro")
    after = table(study, "data/labels.parquet").set_index("sample_id")
    assert sorted(ran(output)) == sorted(VOTE_STAGES)
    assert after["n_votes"].sum() == before["n_votes"].sum() + 1
    assert after.loc[sample, "p_E"] > before.loc[sample, "p_E"]
    assert json.loads((study.folder / "registry.json").read_text())["version"] == "2"
    code = (
        "import mlflow; client = mlflow.MlflowClient('sqlite:///mlflow.db');"
        "print(client.get_model_version_by_alias('rostfine', 'champion').version)"
    )
    assert study.run("python", "-c", code).splitlines()[-1] == "2"


def test_one_video_more_and_only_that_video_is_read(study):
    raw = study.folder / "data" / "raw"
    source = sorted(raw.iterdir())[0]
    shutil.copy(source, raw / f"V999{source.suffix}")
    tags = study.folder / "data" / "tags.csv"
    tag = pd.read_csv(tags).iloc[0]
    with tags.open("a") as file:
        file.write(f"V999-1,V999,{tag['frame']},{tag['x_px']},{tag['y_px']}\n")
    with (study.folder / "data" / "videos.csv").open("a") as file:
        file.write("V999,P999,0.19,\n")
    written = {p: p.stat().st_mtime_ns for p in (study.folder / "data" / "clips").iterdir()}
    output = study.run("dvc", "repro", "cut_clips")
    assert ran(output) == ["cut_clips"]
    assert re.search(rf"{len(written)} .*kept, 1 .*cut", output), output
    for path, mtime in written.items():
        assert path.stat().st_mtime_ns == mtime


def test_a_workspace_holds_no_path_of_this_machine(study):
    for name in ("dvc.yaml", "dvc.lock", "registry.json", "reports/compare/summary.md"):
        assert str(Path.home()) not in (study.folder / name).read_text()
