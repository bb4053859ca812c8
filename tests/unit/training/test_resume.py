"""A fit that is cut short after any epoch, and gone on with, ends with the same bits."""

import dataclasses
import json

import pytest
import torch

from rostfine.errors import CheckpointError, TrainingError
from rostfine.training.checkpoint import Checkpoints
from rostfine.training.grades import Grades
from rostfine.training.loop import fit

EPOCHS = 4


class CutShortError(Exception):
    """What the test raises where a process would have been killed."""


@pytest.fixture
def checkpoints(tmp_path) -> Checkpoints:
    return Checkpoints(tmp_path, {"experiment.fit.lr": "0.001"})


def with_changes(settings, **changes):
    experiment = settings.experiment
    changes = {"epochs": EPOCHS, **changes}
    model = dataclasses.replace(experiment.model, drop_path=0.3)
    fitted = dataclasses.replace(experiment.fit, **changes)
    return dataclasses.replace(experiment, fit=fitted, model=model)


def train(data, experiment, *, chooses=None, checkpoints=None, stop_in=None):
    def on_epoch(epoch):
        if epoch.epoch == stop_in:
            raise CutShortError

    rows = torch.arange(8)
    return fit(
        data.samples.take(rows),
        Grades(experiment),
        chooses=chooses,
        checkpoints=checkpoints,
        on_epoch=on_epoch,
    )


def without_seconds(done):
    return [dataclasses.replace(epoch, seconds=0.0) for epoch in done.history]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "sgd", "ema": 0.9, "accumulate": 2},
        {"precision": "fp16", "balance": "sampling", "schedule": "constant"},
        {"freeze": "encoder"},
    ],
    ids=lambda changes: ", ".join(map(str, changes.values())) or "small preset",
)
def test_a_fit_cut_short_after_every_epoch_ends_with_the_same_bits(
    data, settings, checkpoints, changes
):
    experiment = with_changes(settings, **changes)
    chooses = data.samples.take(torch.arange(8, 12))
    whole = train(data, experiment, chooses=chooses)
    for stop_in in range(1, EPOCHS):
        with pytest.raises(CutShortError):
            train(data, experiment, chooses=chooses, checkpoints=checkpoints, stop_in=stop_in)
    pieced = train(data, experiment, chooses=chooses, checkpoints=checkpoints)
    wanted = whole.model.state_dict()
    assert all(torch.equal(w, wanted[name]) for name, w in pieced.model.state_dict().items())
    assert without_seconds(pieced) == without_seconds(whole)


def test_what_is_done_is_not_done_again(data, settings, checkpoints):
    experiment = with_changes(settings)
    with pytest.raises(CutShortError):
        train(data, experiment, checkpoints=checkpoints, stop_in=3)
    told = []
    fit(
        data.samples.take(torch.arange(8)),
        Grades(experiment),
        checkpoints=checkpoints,
        on_epoch=lambda epoch: told.append(epoch.epoch),
    )
    assert told == [3]


def test_only_the_last_two_checkpoints_are_kept(data, settings, checkpoints):
    train(data, with_changes(settings), checkpoints=checkpoints)
    names = sorted(path.name for path in checkpoints.folder.iterdir())
    wanted = [f"epoch_00000{n}.{end}" for n in (2, 3) for end in ("json", "safetensors")]
    assert names == wanted


@pytest.mark.parametrize("harm", ["cut", "flip", "facts", "gone"])
def test_a_damaged_checkpoint_is_known_and_the_one_before_is_used(
    data, settings, checkpoints, caplog, harm
):
    experiment = with_changes(settings)
    whole = train(data, experiment, checkpoints=checkpoints)
    last = checkpoints.folder / "epoch_000003.safetensors"
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    if harm == "cut":
        last.write_bytes(content[:-100])
    elif harm == "flip":
        last.write_bytes(content)
    elif harm == "facts":
        last.with_suffix(".json").write_text('{"epoch": 3')
    else:
        last.unlink()
    assert checkpoints.load().epoch == 2
    assert "epoch_000003.safetensors: damaged" in caplog.text
    again = train(data, experiment, checkpoints=checkpoints)
    wanted = whole.model.state_dict()
    assert all(torch.equal(w, wanted[name]) for name, w in again.model.state_dict().items())


def test_a_checkpoint_of_another_setting_is_refused_by_the_key_that_differs(
    data, settings, checkpoints
):
    train(data, with_changes(settings, epochs=1), checkpoints=checkpoints)
    other = Checkpoints(checkpoints.folder, {"experiment.fit.lr": "0.01", "data.folds": "ab"})
    wanted = (
        r"another fit: data.folds: wanted ab, found nothing; "
        r"experiment.fit.lr: wanted 0.01, found 0.001"
    )
    with pytest.raises(CheckpointError, match=wanted):
        other.load()


def test_a_loss_that_is_not_finite_leaves_the_last_good_weights(data, settings, checkpoints):
    experiment = with_changes(settings)
    with pytest.raises(CutShortError):
        train(data, experiment, checkpoints=checkpoints, stop_in=2)
    good = checkpoints.load()
    labels = data.samples.labels.clone()
    labels[3] = torch.inf
    broken = dataclasses.replace(data, samples=dataclasses.replace(data.samples, labels=labels))
    with pytest.raises(TrainingError, match=r"epoch 2: the loss is (inf|nan) for clips .*\bs3\b"):
        train(broken, experiment, checkpoints=checkpoints)
    kept = checkpoints.load()
    assert kept.epoch == good.epoch == 1
    assert all(torch.equal(kept.tensors[name], good.tensors[name]) for name in good.tensors)


def test_nothing_in_a_checkpoint_is_pickled_and_its_facts_are_json(data, settings, checkpoints):
    train(data, with_changes(settings, epochs=1), checkpoints=checkpoints)
    facts = json.loads((checkpoints.folder / "epoch_000000.json").read_text())
    assert set(facts) == {"epoch", "facts", "identity", "sha256"}
    kept = checkpoints.load().tensors
    assert {name.split(".")[0] for name in kept} == {"model", "optimizer", "order", "random"}
    moments = [name for name in kept if name.startswith("optimizer.")]
    weights = [name for name in kept if name.startswith("model.")]
    assert len(moments) == 3 * len(weights)
