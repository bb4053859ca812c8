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
from rostfine.training.grades import Grades, start_model
from rostfine.training.loop import fit, seeded


def train(data, experiment, *, variant="paper", chooses=None, **changes):
    epochs = []
    experiment = dataclasses.replace(experiment, variant=variant)
    experiment = dataclasses.replace(experiment, fit=dataclasses.replace(experiment.fit, **changes))
    done = fit(data.samples, Grades(experiment), chooses=chooses, on_epoch=epochs.append)
    assert list(done.history) == epochs
    return done.model, epochs


def start_untrained(experiment):
    with seeded(experiment.fit.seed):
        return start_model(experiment)[0].state_dict()


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


class Counted(Grades):
    """Notes how many clips each step sees."""

    def objective(self, output, inputs, labels, weights):
        self.seen.append(len(labels))
        return super().objective(output, inputs, labels, weights)


def test_an_epoch_goes_through_no_more_samples_than_the_recipe_wants(data, settings):
    changed = dataclasses.replace(settings.experiment.fit, batch=2, epochs=2)
    recipe = Counted(dataclasses.replace(settings.experiment, fit=changed))
    recipe.at_most, recipe.seen = 3, []
    fit(data.samples, recipe, on_epoch=lambda epoch: None)
    assert recipe.seen == [2, 1, 2, 1]


def test_the_loss_falls_and_every_epoch_is_told(data, settings):
    _, epochs = train(data, settings.experiment, epochs=60, augment=None)
    assert [e.epoch for e in epochs] == list(range(60))
    assert epochs[-1].train.fit < 0.9 * epochs[0].train.fit
    alpha = settings.experiment.loss.alpha
    for e in epochs:
        assert e.train.total == pytest.approx(e.train.fit + alpha * e.train.diversity, abs=1e-5)


def test_a_loss_that_is_not_finite_stops_the_fit_and_names_the_clips(data, settings):
    labels = data.samples.labels.clone()
    labels[7] = float("nan")
    samples = dataclasses.replace(data.samples, labels=labels)
    with pytest.raises(TrainingError, match=r"epoch 0: the loss is nan for clips .*\bs7\b"):
        train(dataclasses.replace(data, samples=samples), settings.experiment)


def test_a_loss_that_is_not_finite_of_those_who_choose_stops_the_fit(data, settings):
    labels = torch.full((3, 5), torch.nan)
    chooses = dataclasses.replace(data.samples.take(torch.arange(3)), labels=labels)
    with pytest.raises(TrainingError, match="epoch 0: .* for the clips that choose the epoch"):
        train(data, settings.experiment, chooses=chooses)


def test_weights_that_are_not_finite_after_the_last_step_are_not_kept(data, settings):
    changes = {"batch": 12, "lr": 1e45, "optimizer": "sgd", "clip_norm": None}
    with pytest.raises(TrainingError, match=r"epoch 0: weights are not finite .* clips .*\bs3\b"):
        train(data, settings.experiment, warmup_epochs=0.0, **changes)


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
    changes = {"variant": variant, "chooses": held_out, "batch": 12, "lr": 1e-4}
    model, epochs = train(data, settings.experiment, epochs=5, **changes)
    losses = [epoch.valid.averaged for epoch in epochs]
    found = predict(model, held_out.frames, settings.experiment.input)
    loss = LOSSES[settings.experiment.loss.name](torch.from_numpy(found), held_out.labels)
    assert loss.item() == pytest.approx(min(losses), abs=1e-5)
    assert losses[0] > min(losses)  # before the first epoch nothing was learnt
    assert epochs[-1].best == losses.index(min(losses)) - 1
    untrained, _ = train(data, settings.experiment, epochs=1, **changes)
    start = start_untrained(settings.experiment)
    assert all(torch.equal(w, start[name]) for name, w in untrained.state_dict().items())


def test_clips_that_are_not_trained_on_choose_the_epoch(data, settings):
    chooses = data.samples.take(torch.tensor([0, 4, 8]))
    model, epochs = train(data, settings.experiment, chooses=chooses, epochs=5, lr=0.01)
    losses = [epoch.valid.averaged for epoch in epochs]
    assert epochs[-1].best == losses.index(min(losses)) < 4
    found = predict(model, chooses.frames, settings.experiment.input)
    loss = LOSSES[settings.experiment.loss.name](torch.from_numpy(found), chooses.labels)
    assert loss.item() == pytest.approx(min(losses), abs=1e-6)


def test_clips_that_choose_do_not_move_the_weights(data, settings):
    chooses = data.samples.take(torch.tensor([0, 4, 8]))
    _, watched = train(data, settings.experiment, chooses=chooses)
    _, plain = train(data, settings.experiment)
    assert [e.train for e in watched] == [e.train for e in plain]


def test_a_batch_in_parts_gives_the_same_step_as_a_whole(data, settings):
    changes = {"epochs": 1, "batch": 6, "augment": None}
    _, (whole,) = train(data, settings.experiment, **changes)
    _, (parts,) = train(data, settings.experiment, accumulate=4, **changes)
    assert parts.train.total == pytest.approx(whole.train.total, abs=1e-6)


def test_the_running_mean_of_the_weights_is_kept_if_asked_for(data, settings):
    changes = {"epochs": 1, "batch": 6, "warmup_epochs": 0.0}
    start = start_untrained(settings.experiment)
    last, _ = train(data, settings.experiment, **changes)
    slow, _ = train(data, settings.experiment, ema=0.5, **changes)
    moved = {name: (weight - start[name]).norm() for name, weight in last.state_dict().items()}
    mean = {name: (weight - start[name]).norm() for name, weight in slow.state_dict().items()}
    # The mean of the first step's weights and the second's lies between them and the start.
    assert sum(mean.values()) < 0.95 * sum(moved.values())
    assert sum(mean.values()) > 0.3 * sum(moved.values())


def test_only_what_stands_on_the_encoder_is_trained_if_it_is_frozen(data, settings):
    start = start_untrained(settings.experiment)
    model, _ = train(data, settings.experiment, freeze="encoder", augment=None)
    changed = {n for n, w in model.state_dict().items() if not torch.equal(w, start[n])}
    assert changed
    assert not [name for name in changed if name.startswith("encoder.")]


def test_weights_of_rare_grades_change_the_loss_and_none_are_none(data, settings):
    changes = {"lr": 0.0, "epochs": 1, "augment": None, "batch": 12}
    _, (plain,) = train(data, settings.experiment, **changes)
    _, (weighed,) = train(data, settings.experiment, balance="loss", **changes)
    assert weighed.train.fit != plain.train.fit
    assert weighed.train.averaged == pytest.approx(plain.train.averaged, abs=1e-7)


def test_half_precision_trains_close_to_single(data, settings):
    changes = {"epochs": 2, "augment": None}
    _, full = train(data, settings.experiment, **changes)
    _, half = train(data, settings.experiment, precision="fp16", **changes)
    assert half[-1].train.fit == pytest.approx(full[-1].train.fit, rel=0.05)
    assert half[-1].train.fit != full[-1].train.fit


def test_shifted_labels_are_a_thousandth_more_in_training(data, settings):
    # With a learning rate of zero all batches of an epoch are scored by the same weights.
    changes = {"lr": 0.0, "epochs": 1, "augment": None, "batch": 12}
    _, (plain,) = train(data, settings.experiment, **changes)
    samples = dataclasses.replace(data.samples, labels=data.samples.labels + 0.001)
    by_hand = train(dataclasses.replace(data, samples=samples), settings.experiment, **changes)
    _, (shifted,) = train(data, settings.experiment, variant=("shifted_labels",), **changes)
    assert shifted.train.fit == by_hand[1][0].train.fit != plain.train.fit


def test_bfloat16_trains_close_to_float32_and_keeps_weights_in_float32(data, settings):
    changes = {"epochs": 2, "augment": None}
    _, full = train(data, settings.experiment, **changes)
    model, half = train(data, settings.experiment, precision="bf16", **changes)
    assert half[-1].train.fit == pytest.approx(full[-1].train.fit, rel=0.05)
    assert half[-1].train.fit != full[-1].train.fit
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
        ends.append(train(dataclasses.replace(data, samples=samples), experiment)[1][-1].train.fit)
    assert ends[0] != ends[1]


COMPILED = """
import dataclasses, sys
from pathlib import Path
import torch
from rostfine.params import load_params
from rostfine.training.data import Samples
from rostfine.training.grades import Grades
from rostfine.training.loop import fit

experiment = load_params(Path(sys.argv[1])).experiments["rostfine"]
generator = torch.Generator().manual_seed(0)
frames = torch.randint(0, 256, (8, 16, 40, 40, 3), dtype=torch.uint8, generator=generator)
samples = Samples(frames, torch.rand(8, 5, generator=generator).softmax(dim=1))
ends = []
for compiled in (False, True):
    changes = {"epochs": 2, "augment": None, "compile": compiled, "batch": 8}
    wanted = dataclasses.replace(experiment, fit=dataclasses.replace(experiment.fit, **changes))
    epochs = []
    done = fit(samples, Grades(wanted), on_epoch=epochs.append)
    ends.append((epochs[-1].train.fit, list(done.model.state_dict())))
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
