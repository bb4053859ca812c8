import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch

from rostfine.errors import InputError
from rostfine.evaluation.predict import predict
from rostfine.schemas import PREDICTIONS, read_table
from rostfine.training.fits import Fit
from rostfine.training.folds import train_fold
from rostfine.training.saved import load_model
from rostfine.training.work import Work


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory, data, settings):
    folder = tmp_path_factory.mktemp("run")
    for todo in (Fit(1), Fit(None)):
        do(todo, data, settings, folder)
    return folder


def do(todo, data, settings, folder):
    train_fold(todo, data, settings, work=Work(folder, {}), on_epoch=lambda epoch: None)


def test_a_fold_leaves_weights_history_and_the_predictions_of_its_own_samples(run_folder, data):
    table = read_table(run_folder / "fold_1" / "predictions.parquet", PREDICTIONS)
    assert table["sample_id"].tolist() == ["s1", "s4", "s7", "s10"]
    assert table["fold"].tolist() == [1] * 4
    assert np.allclose(table.filter(like="p_").sum(axis=1), 1, atol=1e-6)
    history = json.loads((run_folder / "fold_1" / "history.json").read_text())
    assert [record["epoch"] for record in history] == [0, 1]


def test_a_saved_model_predicts_what_was_predicted_while_training(run_folder, data, settings):
    model, back = load_model(run_folder / "fold_1")
    rows = torch.tensor([1, 4, 7, 10])
    again = predict(model, data.samples.frames[rows], back.experiment.input)
    table = read_table(run_folder / "fold_1" / "predictions.parquet", PREDICTIONS)
    assert np.allclose(again, table.filter(like="p_"), atol=1e-6)
    assert back.experiment == settings.experiment
    assert back.trained_on == "all data but fold 1"


@pytest.mark.parametrize("choose_epoch", ["last", "validation"])
def test_samples_of_the_held_out_fold_touch_neither_weights_nor_the_choice(
    data, settings, tmp_path, choose_epoch
):
    fit = dataclasses.replace(settings.experiment.fit, choose_epoch=choose_epoch, validation=0.5)
    experiment = dataclasses.replace(settings.experiment, fit=fit)
    settings = dataclasses.replace(settings, experiment=experiment)
    held_out = torch.tensor([1, 4, 7, 10])
    frames, labels = data.samples.frames.clone(), data.samples.labels.clone()
    frames[held_out], labels[held_out] = 0, labels[held_out].flip(1)
    samples = dataclasses.replace(data.samples, frames=frames, labels=labels)
    other = dataclasses.replace(data, samples=samples)
    do(Fit(1), data, settings, tmp_path / "one")
    do(Fit(1), other, settings, tmp_path / "other")
    for name in ("fold_1/weights.safetensors", "fold_1/history.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_the_final_model_sees_all_data_and_predicts_none(run_folder):
    assert load_model(run_folder / "final")[1].trained_on == "all data"
    assert not (run_folder / "final" / "predictions.parquet").exists()


def test_weights_that_do_not_fit_their_settings_are_refused(run_folder, tmp_path):
    for name in ("weights.safetensors", "settings.json"):
        (tmp_path / name).write_bytes((run_folder / "final" / name).read_bytes())
    settings = json.loads((tmp_path / "settings.json").read_text())
    settings["experiment"]["model"]["branch_depth"] += 1
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    with pytest.raises(InputError, match="other weights than settings.json asks for: missing"):
        load_model(tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(b"short")
    with pytest.raises(InputError, match="not a saved model"):
        load_model(tmp_path)


def test_a_fit_that_is_done_is_known_by_all_of_its_files(run_folder, tmp_path):
    shutil.copytree(run_folder, tmp_path / "run")
    work = Work(tmp_path / "run", {})
    assert work.is_done(Fit(1))
    assert not work.is_done(Fit(0))
    path = work.of(Fit(1)) / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    assert not work.is_done(Fit(1))


def test_what_chose_the_epoch_is_said(data, settings, run_folder, tmp_path):
    assert load_model(run_folder / "fold_1")[1].epoch_by == "none: the last"
    fit = dataclasses.replace(settings.experiment.fit, choose_epoch="validation", validation=0.5)
    experiment = dataclasses.replace(settings.experiment, fit=fit)
    do(Fit(None), data, dataclasses.replace(settings, experiment=experiment), tmp_path)
    assert load_model(tmp_path / "final")[1].epoch_by == "6 clips kept for it"
