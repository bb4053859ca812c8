"""What both steps learn, what they start from, and what stays as it was."""

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from rostfine.models.autoencoder import Autoencoder
from rostfine.training.checkpoint import Checkpoints
from rostfine.training.data import Samples
from rostfine.training.loop import fit
from rostfine.visem.params import INPUTS, load_visem_params
from rostfine.visem.recipes import Reconstruction, Regression, predict_stacks

ROOT = Path(__file__).parents[3]
PARAMS = load_visem_params(ROOT / "visem" / "params.small.yaml")
GIVEN, SIDE_PX, EPOCHS = INPUTS["I3"], 16, 3
MEAN = (50.0, 30.0, 20.0)


@pytest.fixture(scope="module")
def samples() -> Samples:
    """Eight stacks of smooth frames, each a little brighter than the last, with percentages."""
    generator = torch.Generator().manual_seed(0)
    smooth = F.interpolate(torch.rand(8, 1, 3, 3, generator=generator), SIDE_PX, mode="bilinear")
    frames = 200 * smooth + 2 * torch.arange(GIVEN.frames)[:, None, None]
    frames = frames.to(torch.uint8)[..., None]
    labels = 100 * torch.rand(8, 3, generator=generator).softmax(dim=1)
    return Samples(frames, labels, names=tuple(map(str, range(8))))


@pytest.fixture
def autoencoder(tmp_path) -> Path:
    torch.manual_seed(5)
    model = Autoencoder(GIVEN.frames)
    model.start_at(0.5)
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def short(params, **changes):
    return dataclasses.replace(params, **{"epochs": EPOCHS, "batch": 4, **changes})


def reconstruction(**changes) -> Reconstruction:
    return Reconstruction(GIVEN, short(PARAMS.autoencoder.fit, **changes), 0.5)


def regression(autoencoder: Path, *, start="mean", pretrained=None, target="motility", **changes):
    fitted = short(PARAMS.regressor.fit, **changes)
    params = dataclasses.replace(PARAMS.regressor, fit=fitted, start=start, pretrained=pretrained)
    return Regression(GIVEN, fitted, params, target, autoencoder, MEAN)


class CutShortError(Exception):
    """What the test raises where a process would have been killed."""


def train(samples, recipe, *, chooses=None, checkpoints=None, stop_in=None):
    def on_epoch(epoch):
        if epoch.epoch == stop_in:
            raise CutShortError

    return fit(samples, recipe, chooses=chooses, checkpoints=checkpoints, on_epoch=on_epoch)


def same(one, other) -> bool:
    weights = other.state_dict()
    return all(torch.equal(weight, weights[name]) for name, weight in one.state_dict().items())


def started(recipe):
    torch.manual_seed(recipe.fit.seed)
    return recipe.start()


def test_the_autoencoder_starts_at_the_mean_or_as_torch_draws_it(samples):
    as_drawn = dataclasses.replace(reconstruction(), intensity=None)
    torch.manual_seed(as_drawn.fit.seed)
    plain = Autoencoder(GIVEN.frames)
    assert same(started(as_drawn), plain)
    assert not same(started(reconstruction()), plain)


def test_the_regressor_starts_behind_the_encoder_that_was_trained_and_at_the_mean(autoencoder):
    torch.manual_seed(5)
    theirs = Autoencoder(GIVEN.frames)
    theirs.start_at(0.5)
    for freeze in ("encoder", "none"):
        model = started(regression(autoencoder, freeze=freeze))
        assert same(model.encoder, theirs.encoder)
        wanted = freeze == "none"
        assert all(weight.requires_grad == wanted for weight in model.encoder.parameters())
        assert all(weight.requires_grad for weight in model.backbone.parameters())
    stack = torch.rand(2, 1, GIVEN.frames, SIDE_PX, SIDE_PX)
    assert (model(stack) - torch.tensor(MEAN)).abs().max() < 3
    from_zero = started(regression(autoencoder, start="zero"))
    assert (from_zero(stack) - torch.tensor(MEAN)).abs().max() > 4


def test_shares_sum_to_100_and_defects_need_not(autoencoder):
    stack = torch.rand(2, 1, GIVEN.frames, SIDE_PX, SIDE_PX)
    shares = started(regression(autoencoder, start="zero"))(stack).sum(dim=1)
    torch.testing.assert_close(shares, torch.full((2,), 100.0))
    defects = started(regression(autoencoder, start="zero", target="morphology"))(stack)
    assert (defects.sum(dim=1) - 100).abs().min() > 1


def test_weights_of_a_file_go_into_the_backbone(autoencoder, tmp_path):
    torch.manual_seed(9)
    theirs = started(regression(autoencoder, seed=9)).backbone
    path = tmp_path / "tiny.safetensors"
    save_file(theirs.state_dict(), path)
    model = started(regression(autoencoder, pretrained=str(path)))
    assert torch.equal(model.backbone[0].weight, theirs[0].weight)


@pytest.mark.parametrize("freeze", ["encoder", "none"])
def test_a_frozen_encoder_stays_as_it_was_and_another_is_trained_on(samples, autoencoder, freeze):
    recipe = regression(autoencoder, freeze=freeze)
    begun, done = started(recipe), train(samples, recipe).model
    assert same(done.encoder, begun.encoder) == (freeze == "encoder")
    assert not torch.equal(done.backbone[0].weight, begun.backbone[0].weight)


@pytest.mark.parametrize("step", ["autoencoder", "regressor"])
def test_the_same_seed_gives_the_same_weights_and_another_gives_others(samples, autoencoder, step):
    def done(seed):
        one = (
            reconstruction(seed=seed)
            if step == "autoencoder"
            else regression(autoencoder, seed=seed)
        )
        return train(samples, one).model

    first = done(1)
    assert same(done(1), first)
    assert not same(done(2), first)


@pytest.mark.parametrize("step", ["autoencoder", "regressor", "regressor, not frozen"])
def test_a_fit_cut_short_after_every_epoch_ends_with_the_same_bits(
    samples, autoencoder, tmp_path, step
):
    recipe = reconstruction()
    if step != "autoencoder":
        freeze = "none" if "not" in step else "encoder"
        recipe = regression(autoencoder, freeze=freeze, choose_epoch="validation")
    rows = torch.arange(8)
    train_on, chooses = samples.take(rows[:6]), samples.take(rows[6:])
    whole = train(train_on, recipe, chooses=chooses)
    kept = Checkpoints(tmp_path / "kept", {"lr": "1"})
    for stop_in in range(1, EPOCHS):
        with pytest.raises(CutShortError):
            train(train_on, recipe, chooses=chooses, checkpoints=kept, stop_in=stop_in)
    pieced = train(train_on, recipe, chooses=chooses, checkpoints=kept)
    assert same(pieced.model, whole.model)
    told = [[dataclasses.replace(e, seconds=0.0) for e in one.history] for one in (pieced, whole)]
    assert told[0] == told[1]


def test_both_steps_learn_what_they_are_to_learn(samples, autoencoder):
    for recipe in (reconstruction(epochs=15, lr=0.01), regression(autoencoder, epochs=15, lr=0.01)):
        history = train(samples, recipe).history
        assert history[-1].train.total < 0.8 * history[0].train.total


def test_what_is_measured_is_the_mean_error_of_what_is_predicted(samples, autoencoder):
    recipe = regression(autoencoder, batch=3)
    model = started(recipe).eval()
    feed = recipe.feed(samples, torch.device("cpu"))
    predicted = torch.from_numpy(predict_stacks(model, feed, 8, batch=3))
    off = predicted - samples.labels
    terms = recipe.measure(model, feed, samples)
    assert terms.averaged == pytest.approx(float(off.square().mean()), rel=1e-5)
    assert terms.branches == pytest.approx(
        {"mse": float(off.square().mean()), "mae": float(off.abs().mean())}, rel=1e-5
    )
    step1 = reconstruction(batch=3)
    model = started(step1).eval()
    seen = next(step1.feed(samples, torch.device("cpu")).batches([torch.arange(8)]))
    with torch.no_grad():
        wanted = float((model(seen) - seen).square().mean())
    assert step1.measure(model, feed, samples).total == pytest.approx(wanted, rel=1e-5)
