"""Every entry of MODELS, built tiny, on a batch of two clips."""

import typing

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from rostfine.errors import ParamsError
from rostfine.losses import LOSSES, objective
from rostfine.models import MODELS, build_model
from rostfine.models.timesformer import SIZES
from rostfine.params import InputParams, LossParams, RoSTFineParams, TimeSformerParams

TINY = {
    "timesformer": TimeSformerParams("timesformer", "tiny", 0.1, None),
    "rostfine": RoSTFineParams(
        "rostfine",
        "tiny",
        0.1,
        None,
        attention_layers=2,
        top_k=3,
        branch_depth=2,
        branch_heads=4,
    ),
}
INPUT = InputParams(frames=4, image_px=32)
LOSS = LossParams("mse", 1.0)


@pytest.fixture(params=MODELS)
def name(request) -> str:
    return request.param


@pytest.fixture
def model(name) -> nn.Module:
    """Fresh weights, moved off zero: temporal_fc starts at zero and would hide what is below."""
    torch.manual_seed(0)
    model = build_model(TINY[name], INPUT)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return model.eval()


@pytest.fixture
def clips() -> torch.Tensor:
    return torch.randn(2, 3, 4, 32, 32, generator=torch.Generator().manual_seed(1))


LABEL = torch.tensor([[0.1, 0.2, 0.4, 0.2, 0.1], [0.0, 0.0, 0.5, 0.5, 0.0]])


def test_there_is_a_tiny_setting_for_every_model():
    assert TINY.keys() == MODELS.keys()


@torch.no_grad()
def test_two_clips_give_five_logits_each_and_distributions_that_sum_to_1(model, clips):
    output = model(clips)
    branches = len(output.branches)
    assert output.logits.shape == (branches, 2, 5)
    assert output.features.shape == (branches, 2, SIZES["tiny"].dim)
    assert output.distribution.shape == (2, 5)
    torch.testing.assert_close(output.distribution.sum(dim=1), torch.ones(2))


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_is_finite_and_its_gradient_reaches_every_parameter(model, clips, loss):
    terms = objective(model.train()(clips), LABEL, LossParams(loss, 1.0))
    assert torch.isfinite(terms.total)
    terms.total.backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
        assert weight.grad.abs().max() > 0, name


@torch.no_grad()
def test_evaluation_is_deterministic_and_training_is_not(model, clips):
    assert torch.equal(model(clips).logits, model(clips).logits)
    model.train()
    assert not all(torch.equal(model(clips).logits, model(clips).logits) for _ in range(8))


@torch.no_grad()
def test_a_clip_gets_the_same_prediction_alone_and_in_a_batch(model, clips):
    together, alone = model(clips).logits, model(clips[1:]).logits
    torch.testing.assert_close(together[:, 1:], alone, rtol=0, atol=1e-5)


@torch.no_grad()
def test_other_frames_and_sizes_are_accepted(model):
    assert model(torch.randn(1, 3, 6, 48, 40)).distribution.shape == (1, 5)


@torch.no_grad()
def test_saved_and_loaded_weights_predict_identically(name, model, clips, tmp_path):
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    again = build_model(TINY[name], INPUT).eval()
    assert not torch.equal(again(clips).logits, model(clips).logits)
    again.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(again(clips).logits, model(clips).logits)


def test_the_same_seed_gives_the_same_weights(name):
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(build_model(TINY[name], INPUT).state_dict())
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def test_eight_clips_are_learnt_by_heart_to_a_tenth_of_the_first_loss(name):
    torch.manual_seed(0)
    clips, labels = torch.randn(8, 3, 4, 32, 32), torch.rand(8, 5).pow(3)
    labels = labels / labels.sum(dim=1, keepdim=True)
    model = build_model(TINY[name], INPUT).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(70):
        terms = objective(model(clips), labels, LossParams("mse", 0.0))
        optimizer.zero_grad()
        terms.total.backward()
        optimizer.step()
        losses.append(terms.fit.item())
    assert min(losses[-5:]) < 0.1 * losses[0]


@pytest.mark.parametrize("kind", [TimeSformerParams, RoSTFineParams])
def test_params_know_exactly_the_sizes_and_losses_there_are(kind):
    hints = typing.get_type_hints(kind)
    assert set(typing.get_args(hints["size"])) == set(SIZES)
    assert set(typing.get_args(typing.get_type_hints(LossParams)["name"])) == set(LOSSES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attention_layers": 4}, "model.attention_layers: wanted 1 to 3, the layers, got 4"),
        ({"top_k": 17}, "model.top_k: wanted 1 to 16, the patches of a frame, got 17"),
        ({"top_k": 0}, "model.top_k: wanted 1 to 16"),
        ({"branch_heads": 5}, "model.branch_heads: wanted a divisor of the 64 features of tiny"),
        ({"branch_heads": 0}, "model.branch_heads: wanted 1 to 64"),
    ],
)
def test_params_that_do_not_fit_are_refused_by_name(change, message):
    params = RoSTFineParams(**{**vars(TINY["rostfine"]), **change})
    with pytest.raises(ParamsError, match=message):
        build_model(params, INPUT)


@pytest.mark.parametrize("image_px", [0, 36])
def test_an_image_that_is_no_multiple_of_the_patch_is_refused(name, image_px):
    with pytest.raises(ParamsError, match=f"multiple of the patch of tiny, 8, got {image_px}"):
        build_model(TINY[name], InputParams(frames=4, image_px=image_px))
