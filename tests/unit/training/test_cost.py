"""What a run will take: counted exactly, and timed by the loop itself."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rostfine.errors import InputError
from rostfine.params import Params, load_params
from rostfine.schemas import CLIPS, FOLDS, GRADE_COLUMNS, LABELS, write_table
from rostfine.training.cost import (
    RAY_START_S,
    Flop,
    Share,
    check_ready,
    count_flop,
    count_steps,
    estimate,
    whole_flop,
    whole_s,
)
from rostfine.training.cross_validate import job_of, plan
from rostfine.training.pace import Pace

PARAMS = load_params(Path(__file__).parents[3] / "params.small.yaml")
SHARE = Share(train=37, choose=5, held_out=10)
FLOP = Flop(encoder=100, behind=1)


def small(name: str = "rostfine", **fit) -> Params:
    """The small preset with other settings of the fit, on one worker."""
    here = PARAMS.experiments[name]
    experiment = dataclasses.replace(here, fit=dataclasses.replace(here.fit, **fit))
    return dataclasses.replace(
        PARAMS,
        experiments={name: experiment},
        training=dataclasses.replace(PARAMS.training, device="cpu", folds_at_once=1),
    )


def fit_params(**changes):
    return dataclasses.replace(PARAMS.experiments["rostfine"].fit, **changes)


@pytest.fixture
def workspace(tmp_path) -> Path:
    """Twelve samples of six patients in three folds, whose clips are not cut yet."""
    names = [f"s{number:02}" for number in range(12)]
    (tmp_path / "data").mkdir()
    clips = pd.DataFrame({"sample_id": names, "patient_id": [f"p{i // 2}" for i in range(12)]})
    for column, kind in CLIPS.columns.items():
        if column not in clips:
            clips[column] = "kept" if kind == "text" else 1.0
    grades = pd.DataFrame(np.eye(5)[np.arange(12) % 2], columns=list(GRADE_COLUMNS))
    labels = grades.assign(sample_id=names)
    for column, kind in LABELS.columns.items():
        if column not in labels:
            labels[column] = "A" if kind == "text" else 1
    folds = pd.DataFrame({"sample_id": names, "fold": np.arange(12) // 4})
    for name, frame, table in (
        ("clips", clips, CLIPS),
        ("labels", labels, LABELS),
        ("folds", folds, FOLDS),
    ):
        write_table(tmp_path / "data" / f"{name}.parquet", frame, table)
    return tmp_path


def test_steps_are_batches_begun_in_each_epoch():
    assert count_steps(SHARE, fit_params(batch=16, epochs=10)) == 30
    assert count_steps(SHARE, fit_params(batch=37, epochs=10)) == 10


def test_the_products_of_a_tiny_timesformer_are_those_counted_by_hand():
    # 40 pixels in patches of 8: 25 patches and a class token in each of 4 frames, of 64 features.
    frames, patches, dim = 4, 25, 64
    tokens, seen = frames * patches, frames * (patches + 1)
    embed = tokens * (3 * 8 * 8) * dim
    time = tokens * 5 * dim * dim + 2 * tokens * frames * dim  # qkv, proj, temporal_fc; attention
    space = seen * 4 * dim * dim + 2 * seen * (patches + 1) * dim
    whole_block = time + space + (tokens + 1) * 2 * 2 * dim * dim
    by_hand = 2 * (embed + 3 * whole_block)
    counted = count_flop(PARAMS.experiments["timesformer"])
    assert counted.behind == 2 * dim * 5
    # Of the last block only the class token is wanted.
    assert 0.8 * by_hand < counted.encoder < by_hand


def test_work_grows_with_what_is_trained_on_chosen_by_and_predicted():
    look = 101
    by_hand = 2 * (10 * (37 * 3 * look + 5 * look) + 10 * look)
    assert whole_flop(FLOP, [SHARE] * 2, fit_params(epochs=10), clips=52) == by_hand


def test_checkpointed_activations_take_the_way_through_the_encoder_once_more():
    once = whole_flop(FLOP, [SHARE], fit_params(epochs=10), clips=52)
    spared = fit_params(epochs=10, checkpoint_activations=True)
    assert whole_flop(FLOP, [SHARE], spared, clips=52) == once + 10 * 37 * 100


def test_a_frozen_encoder_sees_each_clip_once_for_all_fits():
    frozen = fit_params(epochs=10, freeze="encoder")
    behind = 10 * (37 * 3 + 5) + 10
    assert whole_flop(FLOP, [SHARE] * 2, frozen, clips=52) == 52 * 100 + 2 * behind


def test_who_is_done_with_a_fit_takes_the_next():
    pace = Pace(
        clips=8.0,
        load_s=3.0,
        warm_s=2.0,
        start_s=1.0,
        train_s=0.1,
        look_s=0.05,
        save_s=0.5,
        encode_s=0.01,
        peak_bytes=0.0,
    )
    one_s = 1.0 + 4 * (10 * 0.1 + 0.5) + 2 * 0.05 + 0.5
    shares = [Share(train=10, choose=0, held_out=2)] * 5
    before_s = RAY_START_S + 20 * 0.01 + 3.0 + 2.0
    for at_once, rounds in {1: 5, 2: 3, 5: 1}.items():
        found_s = whole_s(pace, shares, fit_params(epochs=4), at_once, clips=20)
        assert found_s == pytest.approx(before_s + rounds * one_s)


def test_the_cost_of_a_small_study_is_counted_and_tried_and_its_workspace_left_alone(workspace):
    params = small(batch=5, epochs=10, choose_epoch="validation", validation=0.25)
    todo = plan(workspace, params, "rostfine")
    before = sorted((workspace / "data").rglob("*"))
    found = estimate(job_of(workspace, params, "rostfine"), todo, trial_s=0.5)
    # Of eight clips two choose, those of one of four patients; of all twelve, two or four.
    assert (found.fits, found.share) == (4, Share(6, 2, 4))
    assert found.steps == 4 * 10 * 2
    assert (found.at_once, found.workers_per_fold) == (1, 1)
    trained_s = 10 * (3 * 6 + 8) * found.step_s / 5
    assert found.hours * 3600 > RAY_START_S + trained_s > RAY_START_S
    assert 2**27 < found.peak_bytes < 2**33
    assert found.notes[0].startswith("tried on blank clips")
    assert sorted((workspace / "data").rglob("*")) == before
    assert not list((workspace / "checkpoints").iterdir())


def test_without_folds_one_line_says_which_stage_to_run(workspace):
    check_ready(workspace)
    (workspace / "data" / "folds.parquet").unlink()
    with pytest.raises(InputError, match=r"folds.parquet: no such file; run 'dvc repro make_folds"):
        check_ready(workspace)
