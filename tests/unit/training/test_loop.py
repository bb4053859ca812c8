import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rostfine.errors import TrainingError
from rostfine.evaluation.predict import predict
from rostfine.losses import LOSSES
from rostfine.training.loop import fit

CPU = torch.device("cpu")


def train(data, experiment, *, variant="paper", held_out=None, **changes):
    epochs = []
    experiment = dataclasses.replace(experiment, variant=variant)
    experiment = dataclasses.replace(experiment, fit=dataclasses.replace(experiment.fit, **changes))
    model = fit(data.samples, experiment, held_out=held_out, device=CPU, on_epoch=epochs.append)
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
    _, epochs = train(data, settings.experiment, epochs=60, augment=False)
    assert [e.epoch for e in epochs] == list(range(60))
    assert epochs[-1].fit < 0.9 * epochs[0].fit
    alpha = settings.experiment.loss.alpha
    for e in epochs:
        assert e.total == pytest.approx(e.fit + alpha * e.diversity, abs=1e-5)


def test_a_loss_that_is_not_finite_stops_the_fit_and_names_the_clips(data, settings):
    labels = data.samples.labels.clone()
    labels[7] = float("nan")
    samples = dataclasses.replace(data.samples, labels=labels)
    with pytest.raises(TrainingError, match=r"epoch 0: the loss is nan for clips \[.*\b7\b.*\]"):
        train(dataclasses.replace(data, samples=samples), settings.experiment)


def test_pretrained_weights_are_where_a_fit_starts_from(data, settings, tmp_path):
    source, _ = train(data, settings.experiment, epochs=1, seed=9)
    save_file(source.state_dict(), tmp_path / "encoder.safetensors")
    path = str(tmp_path / "encoder.safetensors")
    model = dataclasses.replace(settings.experiment.model, pretrained=path)
    started, _ = train(
        data, dataclasses.replace(settings.experiment, model=model), lr=0.0, epochs=1
    )
    assert torch.equal(started.encoder.pos_embed, source.encoder.pos_embed)


def test_the_published_choice_of_the_epoch_looks_at_the_held_out_fold(data, settings):
    held_out, variant = data.samples, ("selects_on_test_fold",)
    model, epochs = train(data, settings.experiment, variant=variant, held_out=held_out, epochs=5)
    losses = [epoch.held_out for epoch in epochs]
    found = predict(model, held_out.frames, settings.experiment.input)
    loss = LOSSES[settings.experiment.loss.name](torch.from_numpy(found), held_out.labels)
    assert loss.item() == pytest.approx(min(losses), abs=1e-5)
    assert losses[0] > min(losses)  # before the first epoch nothing was learnt
    _, plain = train(data, settings.experiment, held_out=held_out, epochs=1)
    assert plain[0].held_out is None


def test_shifted_labels_are_a_thousandth_more_in_training(data, settings):
    # With a learning rate of zero all batches of an epoch are scored by the same weights.
    changes = {"lr": 0.0, "epochs": 1, "augment": False, "batch": 12}
    _, (plain,) = train(data, settings.experiment, **changes)
    samples = dataclasses.replace(data.samples, labels=data.samples.labels + 0.001)
    by_hand = train(dataclasses.replace(data, samples=samples), settings.experiment, **changes)
    _, (shifted,) = train(data, settings.experiment, variant=("shifted_labels",), **changes)
    assert shifted.fit == by_hand[1][0].fit != plain.fit


def test_bfloat16_trains_close_to_float32_and_keeps_weights_in_float32(data, settings):
    changes = {"epochs": 2, "augment": False}
    _, full = train(data, settings.experiment, **changes)
    model, half = train(data, settings.experiment, precision="bf16", **changes)
    assert half[-1].fit == pytest.approx(full[-1].fit, rel=0.05)
    assert half[-1].fit != full[-1].fit
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}


def test_checkpointed_activations_give_the_same_weights_bit_for_bit(data, settings):
    plain, _ = train(data, settings.experiment, epochs=1)
    spared, _ = train(data, settings.experiment, epochs=1, checkpoint_activations=True)
    state = plain.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in spared.state_dict().items())


def test_speeds_reach_the_model(data, settings):
    wanted = dataclasses.replace(settings.experiment.input, speed="speed_px_s")
    experiment = dataclasses.replace(settings.experiment, input=wanted)
    ends = []
    for speeds in (torch.zeros(12), torch.linspace(0, 100, 12)):
        samples = dataclasses.replace(data.samples, speeds=speeds)
        ends.append(train(dataclasses.replace(data, samples=samples), experiment)[1][-1].fit)
    assert ends[0] != ends[1]


COMPILED = """
import dataclasses, sys
from pathlib import Path
import torch
from rostfine.params import load_params
from rostfine.training.data import Samples
from rostfine.training.loop import fit

experiment = load_params(Path(sys.argv[1])).experiments["rostfine"]
generator = torch.Generator().manual_seed(0)
frames = torch.randint(0, 256, (8, 16, 40, 40, 3), dtype=torch.uint8, generator=generator)
samples = Samples(frames, torch.rand(8, 5, generator=generator).softmax(dim=1))
ends = []
for compiled in (False, True):
    changes = {"epochs": 2, "augment": False, "compile": compiled, "batch": 8}
    wanted = dataclasses.replace(experiment, fit=dataclasses.replace(experiment.fit, **changes))
    epochs = []
    model = fit(samples, wanted, device=torch.device("cpu"), on_epoch=epochs.append)
    ends.append((epochs[-1].fit, list(model.state_dict())))
assert abs(ends[0][0] - ends[1][0]) < 1e-4, ends
assert ends[0][1] == ends[1][1]
"""


@pytest.mark.slow
def test_a_compiled_model_trains_to_the_same_loss_and_saves_under_the_same_names():
    # In a process of its own: the checks of shapes that tests put around functions do not compile.
    params = Path(__file__).parents[3] / "params.small.yaml"
    done = subprocess.run(
        [sys.executable, "-c", COMPILED, str(params)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
