"""What a fit of either step may see, and what it leaves."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rostfine.errors import FoldError, InputError
from rostfine.files import read_json
from rostfine.params import FitParams
from rostfine.schemas import read_table, write_table
from rostfine.training.data import Samples
from rostfine.training.fits import Fit
from rostfine.training.folds import HISTORY, PREDICTIONS_FILE
from rostfine.training.saved import SETTINGS, WEIGHTS, save_model
from rostfine.training.team import Team
from rostfine.training.work import Work
from rostfine.visem.fitting import SemenJob, split
from rostfine.visem.frames import FRAMES, TABLE, WHO
from rostfine.visem.params import INPUTS, STACK_FRAMES, load_visem_params
from rostfine.visem.saved import (
    AutoencoderSettings,
    SemenSettings,
    load_autoencoder,
    load_regressor,
)
from rostfine.visem.stacks import SemenData, StackFiles, load_stacks, to_stack
from rostfine.visem.tables import PARTICIPANTS, SEMEN_PREDICTIONS, STACKS
from rostfine.visem.targets import ALL_TARGETS, TARGETS

ROOT = Path(__file__).parents[3]
PARAMS = load_visem_params(ROOT / "visem" / "params.small.yaml")
GIVEN, POSITIONS, SIDE_PX, EPOCHS = INPUTS["I3"], 2, 16, 2
PEOPLE = [str(number) for number in range(1, 10)]
UNREPORTED = "4"


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Path:
    """Nine participants in three folds, one of them without motility; the process stands there."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    FRAMES.mkdir(parents=True)
    for one in PEOPLE:
        shape = (POSITIONS, STACK_FRAMES, SIDE_PX, SIDE_PX)
        np.save(FRAMES / f"{one}.npy", rng.integers(0, 256, shape, dtype=np.uint8))
    who = pd.DataFrame({"participant_id": PEOPLE, "fold": np.arange(9) % 3})
    who[list(ALL_TARGETS)] = rng.uniform(10, 60, (9, 6))
    who.loc[who["participant_id"] == UNREPORTED, list(TARGETS["motility"])] = np.nan
    write_table(WHO, who.assign(video="x.avi"), PARTICIPANTS)
    rows = [
        (one, stack, str(FRAMES / f"{one}.npy")) for one in PEOPLE for stack in range(POSITIONS)
    ]
    table = pd.DataFrame(rows, columns=["participant_id", "stack", "path"])
    table = table.assign(first_frame=table["stack"], time_s=0.0, content_key="x")
    write_table(TABLE, table, STACKS)
    return tmp_path


def short(params: FitParams, **changes) -> FitParams:
    return dataclasses.replace(params, **{"epochs": EPOCHS, "batch": 4, **changes})


def autoencoder_job(folder: Path, **changes) -> SemenJob:
    fitted = short(PARAMS.autoencoder.fit, **changes)
    settings = AutoencoderSettings(
        "autoencoder", "visem/autoencoder_I3", "", "", "paper", "I3", PARAMS.frames, fitted
    )
    work = Work(folder / "checkpoints" / settings.experiment_name, {"a": "b"})
    return SemenJob(settings, fitted, PARAMS.training, work, folder, Path())


def regressor_job(folder: Path, target="motility", **changes) -> SemenJob:
    params = dataclasses.replace(PARAMS.regressor, fit=short(PARAMS.regressor.fit, **changes))
    settings = SemenSettings(
        "semen", f"visem/I3_{target}", "", "", "paper", target, "I3", PARAMS.frames, params
    )
    work = Work(folder / "checkpoints" / settings.experiment_name, {"a": "b"})
    before = autoencoder_job(folder).work.folder
    return SemenJob(settings, params.fit, PARAMS.training, work, folder, before)


class CutShortError(Exception):
    """What the test raises where a process would have been killed."""


def do(job: SemenJob, todo: Fit, *, stop_in: int | None = None) -> list[int]:
    """Do a fit as the only one of its team; return which epochs were told."""
    told: list[int] = []

    def on_epoch(epoch):
        told.append(epoch.epoch)
        if epoch.epoch == stop_in:
            raise CutShortError

    device = torch.device("cpu")
    job.do(todo, job.load(device, sharers=1), team=Team(device), on_epoch=on_epoch)
    return told


def people(numbers: list[tuple[int, int]]) -> SemenData:
    """Stacks of participants, each with a fold and a number of stacks."""
    who = [(f"p{at}", fold) for at, (fold, count) in enumerate(numbers) for _ in range(count)]
    frames = torch.zeros(len(who), 1, 4, 4, 1, dtype=torch.uint8)
    return SemenData(
        Samples(frames, torch.zeros(len(who), 3)),
        tuple(name for name, _ in who),
        np.arange(len(who)),
        np.array([fold for _, fold in who], dtype=np.int64),
    )


@settings(max_examples=25)
@given(
    numbers=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5)), min_size=4, max_size=20),
    choose=st.sampled_from(["last", "validation"]),
    held_out=st.sampled_from([None, 0, 1, 2]),
    seed=st.integers(0, 5),
)
def test_no_participant_is_on_two_sides_and_each_stack_is_on_one(numbers, choose, held_out, seed):
    # There is always somebody left to be trained on and to choose by.
    data = people([*numbers, (0, 1), (0, 2), (1, 1), (1, 2), (2, 3)])
    params = short(PARAMS.regressor.fit, choose_epoch=choose, validation=0.25, seed=seed)
    parts = split(Fit(held_out), data, params)
    sides = [parts.train, parts.choose, parts.held_out]
    assert (np.sum(sides, axis=0) == 1).all()
    names = np.array(data.participants)
    who = [set(names[side]) for side in sides]
    assert sum(map(len, who)) == len(set(names))
    assert parts.train.any()
    assert parts.choose.any() == (choose == "validation")
    np.testing.assert_array_equal(
        parts.held_out, data.folds == (-1 if held_out is None else held_out)
    )


def test_nobody_left_to_train_on_is_told():
    with pytest.raises(FoldError, match="fold_1: wanted stacks to train on, got none"):
        split(Fit(1), people([(1, 2)]), PARAMS.regressor.fit)


def test_both_steps_leave_what_brings_their_models_back(workspace):
    held_out = Fit(1)
    first = autoencoder_job(workspace)
    assert do(first, held_out) == [0, 1]
    folder = first.work.of(held_out)
    autoencoder, said = load_autoencoder(folder)
    assert (said.input, said.trained_on) == ("I3", "all data but fold 1")
    assert said.epoch_by == "none: the last"
    assert first.work.is_done(held_out)
    assert not (folder / PREDICTIONS_FILE).exists()
    assert len(read_json(folder / HISTORY)) == EPOCHS

    second = regressor_job(workspace, choose_epoch="validation", validation=0.3)
    do(second, held_out)
    folder = second.work.of(held_out)
    assert second.work.is_done(held_out)
    model, said = load_regressor(folder)
    assert (said.target, said.trained_on) == ("motility", "all data but fold 1")
    assert said.epoch_by.endswith("stacks kept for it")
    # The encoder is the autoencoder's, still.
    theirs = autoencoder.encoder.state_dict()
    assert all(torch.equal(w, theirs[name]) for name, w in model.encoder.state_dict().items())
    table = read_table(folder / PREDICTIONS_FILE, SEMEN_PREDICTIONS["motility"])
    held = [one for one in PEOPLE[1::3] for _ in range(POSITIONS)]
    assert table["participant_id"].tolist() == held
    assert set(table["fold"]) == {1}
    assert_predicted(model, table, "motility")


def assert_predicted(model, table: pd.DataFrame, target) -> None:
    data = load_stacks(GIVEN, room_bytes=np.inf)
    stacks = zip(data.participants, data.stacks.tolist(), strict=True)
    places = {stack: place for place, stack in enumerate(stacks)}
    rows = [places[row] for row in zip(table["participant_id"], table["stack"], strict=True)]
    with torch.inference_mode():
        wanted = model(to_stack(data.samples.frames[rows], GIVEN)).numpy()
    np.testing.assert_allclose(table[list(TARGETS[target])], wanted, rtol=1e-4)
    # They are not all the mean that it started at.
    assert np.ptp(wanted, axis=0).max() > 0


def test_who_lacks_a_target_is_neither_trained_on_nor_predicted(workspace):
    do(autoencoder_job(workspace), Fit(0))
    for target, wanted in (("motility", ["1", "7"]), ("morphology", ["1", "4", "7"])):
        job = regressor_job(workspace, target)
        do(job, Fit(0))
        table = read_table(job.work.of(Fit(0)) / PREDICTIONS_FILE, SEMEN_PREDICTIONS[target])
        assert sorted(set(table["participant_id"])) == wanted
    do(autoencoder_job(workspace), Fit(1))
    do(regressor_job(workspace), Fit(1))


def test_the_fit_on_all_data_predicts_nothing(workspace):
    do(autoencoder_job(workspace), Fit(None))
    job = regressor_job(workspace)
    do(job, Fit(None))
    folder = job.work.of(Fit(None))
    assert load_regressor(folder)[1].trained_on == "all data"
    assert not (folder / PREDICTIONS_FILE).exists()


@pytest.mark.parametrize("step", ["autoencoder", "regressor"])
def test_a_job_that_was_cut_short_goes_on_and_leaves_the_same_bytes(workspace, step):
    do(autoencoder_job(workspace), Fit(1))

    def job(folder):
        one = (autoencoder_job if step == "autoencoder" else regressor_job)(workspace)
        return dataclasses.replace(one, work=Work(workspace / folder, {"a": "b"}))

    do(job("whole"), Fit(1))
    with pytest.raises(CutShortError):
        do(job("pieced"), Fit(1), stop_in=1)
    assert do(job("pieced"), Fit(1)) == [1]
    whole, pieced = job("whole").work.of(Fit(1)), job("pieced").work.of(Fit(1))
    names = sorted(path.name for path in whole.iterdir())
    assert names == sorted(path.name for path in pieced.iterdir())
    assert {WEIGHTS, SETTINGS, HISTORY} < set(names)
    assert all((whole / name).read_bytes() == (pieced / name).read_bytes() for name in names)


def test_stacks_on_disk_give_the_same_weights_as_those_in_memory(workspace):
    made = []
    for clips in ("device", "disk"):
        job = autoencoder_job(workspace)
        training = dataclasses.replace(job.training, clips=clips)
        job = dataclasses.replace(job, training=training, work=Work(workspace / clips, {}))
        frames = job.load(torch.device("cpu"), sharers=1).samples.frames
        assert isinstance(frames, StackFiles) == (clips == "disk")
        do(job, Fit(0))
        made.append((job.work.of(Fit(0)) / WEIGHTS).read_bytes())
    assert made[0] == made[1]


def test_a_folder_of_another_model_is_named(workspace):
    job = autoencoder_job(workspace)
    do(job, Fit(0))
    folder = job.work.of(Fit(0))
    with pytest.raises(InputError, match=f"{folder}: not a saved model of semen: ") as caught:
        load_regressor(folder)
    assert len(caught.value.faults) == 1
    with pytest.raises(InputError, match=r"nowhere: not a saved model of semen: "):
        load_autoencoder(workspace / "nowhere")
    model, said = load_autoencoder(folder)
    save_model(folder, model.decoder, said)
    with pytest.raises(InputError, match=r"other weights than settings\.json asks for"):
        load_autoencoder(folder)
