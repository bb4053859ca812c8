import dataclasses

import pytest
import torch
from safetensors.torch import save_file

from rostfine.errors import TrainingError
from rostfine.training.loop import fit

CPU = torch.device("cpu")


def train(data, experiment, **changes):
    epochs = []
    experiment = dataclasses.replace(experiment, fit=dataclasses.replace(experiment.fit, **changes))
    model = fit(data.frames, data.labels, experiment, device=CPU, on_epoch=epochs.append)
    return model, epochs


def test_one_seed_gives_equal_weights_bit_for_bit_and_another_seed_others(data, settings):
    a, b, c = (train(data, settings.experiment, seed=s)[0].state_dict() for s in (1, 1, 2))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(
        a["pos_embed"] if "pos_embed" in a else next(iter(a.values())), next(iter(c.values()))
    )


def test_training_leaves_torchs_own_random_state_alone(data, settings):
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    train(data, settings.experiment, epochs=1)
    assert torch.equal(torch.rand(3), wanted)


def test_the_loss_falls_and_every_epoch_is_told(data, settings):
    _, epochs = train(data, settings.experiment, epochs=12, augment=False)
    assert [e.epoch for e in epochs] == list(range(12))
    assert epochs[-1].fit < 0.9 * epochs[0].fit
    alpha = settings.experiment.loss.alpha
    for e in epochs:
        assert e.total == pytest.approx(e.fit + alpha * e.diversity, abs=1e-5)


def test_a_loss_that_is_not_finite_stops_the_fit_and_names_the_clips(data, settings):
    labels = data.labels.clone()
    labels[7] = float("nan")
    with pytest.raises(TrainingError, match=r"epoch 0: the loss is nan for clips \[.*\b7\b.*\]"):
        train(dataclasses.replace(data, labels=labels), settings.experiment)


def test_pretrained_weights_are_where_a_fit_starts_from(data, settings, tmp_path):
    source, _ = train(data, settings.experiment, epochs=1, seed=9)
    save_file(source.encoder.state_dict(), tmp_path / "encoder.safetensors")
    path = str(tmp_path / "encoder.safetensors")
    model = dataclasses.replace(settings.experiment.model, pretrained=path)
    started, _ = train(
        data, dataclasses.replace(settings.experiment, model=model), lr=0.0, epochs=1
    )
    assert torch.equal(started.encoder.pos_embed, source.encoder.pos_embed)
