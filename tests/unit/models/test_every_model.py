"""Every entry of MODELS, built tiny, on a batch of two clips."""

import typing
from dataclasses import replace

import jaxtyping
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from rostfine.errors import ParamsError
from rostfine.export import export_model
from rostfine.losses import LOSSES, objective
from rostfine.model_params import (
    I3DParams,
    ModelParams,
    R2Plus1DParams,
    R3DParams,
    ResNetParams,
    RoSTFineParams,
    SlowFastParams,
    TimeSformerParams,
    VGGParams,
    ViViTParams,
    X3DParams,
)
from rostfine.models import MODELS, build_model, pytorchvideo_nets, resnet, vgg16, vivit
from rostfine.models.inference import fold_time
from rostfine.models.outputs import Condensing
from rostfine.models.timesformer import SIZES
from rostfine.params import InputParams, LossParams
from rostfine.variants import PAPER, PUBLISHED

TIMESFORMER = TimeSformerParams("timesformer", "tiny", 0.1, None)
ROSTFINE = RoSTFineParams(
    "rostfine",
    "tiny",
    0.1,
    None,
    attention_layers=None,
    top_k=3,
    branch_depth=2,
    branch_heads=4,
    use_feat=("g", "s", "t"),
    aggregation="separate",
)
INPUT = InputParams(frames=8, image_px=32, speed=None)
SPEED = replace(INPUT, speed="speed_um_s")
BASELINES = (
    VGGParams("vgg16", "tiny", None),
    ResNetParams("resnet", "tiny", None),
    R3DParams("r3d", "tiny", None, 0.5),
    R2Plus1DParams("r2plus1d", "tiny", None, 0.5),
    I3DParams("i3d", "tiny", None, 0.5),
    X3DParams("x3d", "tiny", None, 0.5),
    SlowFastParams("slowfast", "tiny", None, 0.5),
    ViViTParams("vivit", "tiny", 0.1, None),
)
ALONE = ("vgg16", "resnet")
"""Networks with nothing in them that is drawn at random."""
SETTINGS = {
    **{model.name: (model, SPEED, PAPER) for model in BASELINES},
    "r3d without speed": (BASELINES[2], INPUT, PAPER),
    "r2plus1d as published": (BASELINES[3], INPUT, PUBLISHED),
    "x3d as published": (BASELINES[5], SPEED, PUBLISHED),
    "timesformer": (TIMESFORMER, INPUT, PAPER),
    "timesformer with speed": (TIMESFORMER, SPEED, PAPER),
    "rostfine": (ROSTFINE, INPUT, PAPER),
    "rostfine as published": (ROSTFINE, INPUT, PUBLISHED),
    "rostfine with speed": (ROSTFINE, SPEED, PAPER),
    "rostfine, concatenated": (replace(ROSTFINE, aggregation="concat"), SPEED, PAPER),
    "rostfine, summed": (replace(ROSTFINE, aggregation="sum"), INPUT, PAPER),
    "rostfine, v_s and v_t": (replace(ROSTFINE, use_feat=("t", "s")), INPUT, PAPER),
    "rostfine, v_g alone": (replace(ROSTFINE, use_feat=("g",)), INPUT, PAPER),
}
MAPPED = [name for name in SETTINGS if name.startswith(("timesformer", "rostfine"))]
SPEEDS = torch.tensor([3.0, 80.0])


@pytest.fixture(params=SETTINGS)
def name(request) -> str:
    return request.param


@pytest.fixture
def model(name) -> nn.Module:
    """Fresh weights, moved off zero: temporal_fc starts at zero and would hide what is below."""
    torch.manual_seed(0)
    model = build_model(*SETTINGS[name])
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return model.eval()


@pytest.fixture
def clips() -> torch.Tensor:
    return torch.randn(2, 3, 8, 32, 32, generator=torch.Generator().manual_seed(1))


LABEL = torch.tensor([[0.1, 0.2, 0.4, 0.2, 0.1], [0.0, 0.0, 0.5, 0.5, 0.0]])


def test_every_model_is_among_the_settings():
    assert {model.name for model, _, _ in SETTINGS.values()} == set(MODELS)


@torch.no_grad()
def test_two_clips_give_five_logits_each_and_distributions_that_sum_to_1(model, clips):
    output = model(clips, SPEEDS)
    assert output.logits.shape == (len(output.branches), 2, 5)
    assert all(f.ndim == 2 and len(f) == 2 for f in output.features.values())
    assert output.distribution.shape == (2, 5)
    torch.testing.assert_close(output.distribution.sum(dim=1), torch.ones(2))


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_is_finite_and_its_gradient_reaches_every_parameter(model, clips, loss):
    # So many copies that no drawing drops a path of all of them.
    output = model.train()(clips.repeat(4, 1, 1, 1, 1), SPEEDS.repeat(4))
    pairs = [pair for pair in ("gs", "gt", "st") if set(pair) <= output.features.keys()]
    terms = objective(output, LABEL.repeat(4, 1), LossParams(loss, 1.0, tuple(pairs)))
    assert torch.isfinite(terms.total)
    terms.total.backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
        assert weight.grad.abs().max() > 0, name


@torch.no_grad()
def test_evaluation_is_deterministic_and_training_is_not(name, model, clips):
    def same() -> bool:
        return torch.equal(model(clips, SPEEDS).logits, model(clips, SPEEDS).logits)

    assert same()
    model.train()
    assert all(same() for _ in range(8)) == name.startswith(ALONE)


@torch.no_grad()
def test_a_clip_gets_the_same_prediction_alone_and_in_a_batch(model, clips):
    together, alone = model(clips, SPEEDS).logits, model(clips[1:], SPEEDS[1:]).logits
    torch.testing.assert_close(together[:, 1:], alone, rtol=0, atol=1e-5)


@torch.no_grad()
def test_other_frames_and_sizes_are_accepted(model):
    assert model(torch.randn(1, 3, 6, 48, 40), SPEEDS[:1]).distribution.shape == (1, 5)


@torch.no_grad()
def test_what_is_predicted_from_the_condensed_clip_is_the_prediction_bit_for_bit(model, clips):
    assert isinstance(model, Condensing)
    whole, behind = model(clips, SPEEDS), model.predict_from(model.condense(clips), SPEEDS)
    assert torch.equal(behind.logits, whole.logits)
    assert all(torch.equal(behind.features[key], whole.features[key]) for key in whole.features)


@torch.no_grad()
def test_speed_changes_the_prediction_of_a_model_that_takes_it_and_of_no_other(name, model, clips):
    changed = model(clips, SPEEDS).logits - model(clips, SPEEDS + 100).logits
    assert bool(changed.abs().max() > 0) == (SETTINGS[name][1].speed is not None)


@pytest.mark.slow
@pytest.mark.parametrize("name", [model.name for model in BASELINES])
def test_an_exported_model_predicts_the_same(name, model, tmp_path):
    jaxtyping.config.update("jaxtyping_disable", True)  # numbers are symbols while it is converted
    try:
        report = export_model(model, SETTINGS[name][1], tmp_path / "out", calibration=None)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
    assert report.largest_difference < 1e-5


@pytest.mark.parametrize("name", MAPPED)
@torch.no_grad()
def test_maps_come_on_request_with_rows_that_sum_to_1_and_change_no_prediction(model, clips):
    plain, looked = model(clips, SPEEDS), model(clips, SPEEDS, maps=True)
    assert plain.maps is None
    torch.testing.assert_close(looked.logits, plain.logits, rtol=0, atol=1e-5)
    maps = looked.maps
    assert maps.time.shape == (2, 3, 16, 2, 8, 8)
    assert maps.space.shape == (2, 3, 8, 2, 17, 17)
    for one in (maps.time, maps.space, maps.fgs, maps.fgt):
        if one is not None:
            torch.testing.assert_close(one.sum(dim=-1), torch.ones(one.shape[:-1]))


@pytest.mark.parametrize("name", [model.name for model in BASELINES])
def test_a_model_without_maps_says_so(name, model, clips):
    with pytest.raises(ParamsError, match=r"^explain\.experiments: .* \(timesformer, rostfine\)"):
        model(clips, SPEEDS, maps=True)


@pytest.mark.parametrize("name", MAPPED)
@torch.no_grad()
def test_folding_time_changes_no_prediction_and_no_weight_of_the_model_itself(model, clips):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    folded = fold_time(model)
    wanted = model(clips, SPEEDS).logits
    torch.testing.assert_close(folded(clips, SPEEDS).logits, wanted, rtol=0, atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    dim = SIZES["tiny"].dim
    fewer = sum(w.numel() for w in model.parameters()) - sum(w.numel() for w in folded.parameters())
    assert fewer == SIZES["tiny"].depth * (dim * dim + dim)


@pytest.mark.parametrize("name", [*MAPPED, "vivit"])
def test_checkpointed_activations_change_no_gradient(model, clips):
    gradients = []
    for checkpointed in (False, True):
        model.encoder.checkpoint_activations = checkpointed
        model.train().zero_grad()
        torch.manual_seed(0)
        model(clips, SPEEDS).logits.square().sum().backward()
        gradients.append({name: w.grad.clone() for name, w in model.named_parameters()})
    assert all(torch.equal(value, gradients[1][name]) for name, value in gradients[0].items())


@torch.no_grad()
def test_saved_and_loaded_weights_predict_identically(name, model, clips, tmp_path):
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    again = build_model(*SETTINGS[name]).eval()
    wanted = model(clips, SPEEDS).logits
    assert not torch.equal(again(clips, SPEEDS).logits, wanted)
    again.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(again(clips, SPEEDS).logits, wanted)


def test_the_same_seed_gives_the_same_weights(name):
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(build_model(*SETTINGS[name]).state_dict())
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


@pytest.mark.parametrize("name", MODELS)
def test_eight_clips_are_learnt_by_heart_to_a_tenth_of_the_first_loss(name):
    torch.manual_seed(0)
    clips, labels = torch.randn(8, 3, 4, 32, 32), torch.rand(8, 5).pow(3)
    labels = labels / labels.sum(dim=1, keepdim=True)
    params = SETTINGS[name][0]
    if hasattr(params, "dropout"):
        params = replace(params, dropout=0.0)
    model = build_model(params, replace(INPUT, frames=4)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(70):
        terms = objective(model(clips), labels, LossParams("mse", 0.0, ()))
        optimizer.zero_grad()
        terms.total.backward()
        optimizer.step()
        losses.append(terms.fit.item())
        if losses[-1] < 0.1 * losses[0]:
            break
    assert losses[-1] < 0.1 * losses[0]


SIZES_OF = {
    "vgg16": vgg16.SIZES,
    "resnet": resnet.SIZES,
    **pytorchvideo_nets.SIZES,
    "vivit": vivit.SIZES,
    "timesformer": SIZES,
    "rostfine": SIZES,
}


@pytest.mark.parametrize("kind", typing.get_args(ModelParams))
def test_params_know_exactly_the_sizes_there_are(kind):
    hints = typing.get_type_hints(kind)
    (name,) = typing.get_args(hints["name"])
    assert set(typing.get_args(hints["size"])) == set(SIZES_OF[name])


def test_params_know_exactly_the_models_and_losses_there_are():
    kinds = [typing.get_type_hints(kind)["name"] for kind in typing.get_args(ModelParams)]
    assert {typing.get_args(kind)[0] for kind in kinds} == set(MODELS)
    assert set(typing.get_args(typing.get_type_hints(LossParams)["name"])) == set(LOSSES)


@pytest.mark.parametrize("name", MODELS)
def test_tiny_models_have_less_than_300_000_weights(name):
    with torch.device("meta"):
        model = build_model(*SETTINGS[name])
    assert sum(weight.numel() for weight in model.parameters()) < 300_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attention_layers": 4}, "model.attention_layers: wanted 1 to 3, the layers, got 4"),
        ({"use_feat": ()}, r"model.use_feat: wanted some of g, s, t, each once, got \[\]"),
        ({"use_feat": ("g", "g")}, r"each once, got \['g', 'g'\]"),
        ({"top_k": 17}, "model.top_k: wanted 1 to 16, the patches of a frame, got 17"),
        ({"top_k": 0}, "model.top_k: wanted 1 to 16"),
        ({"branch_heads": 5}, "model.branch_heads: wanted a divisor of the 64 features of tiny"),
        ({"branch_heads": 0}, "model.branch_heads: wanted 1 to 64"),
    ],
)
def test_params_that_do_not_fit_are_refused_by_name(change, message):
    with pytest.raises(ParamsError, match=message):
        build_model(replace(ROSTFINE, **change), INPUT)


@pytest.mark.parametrize("model", [TIMESFORMER, ROSTFINE, BASELINES[-1]])
@pytest.mark.parametrize("image_px", [0, 36])
def test_an_image_that_is_no_multiple_of_the_patch_is_refused(model, image_px):
    with pytest.raises(ParamsError, match=f"multiple of the patch of tiny, 8, got {image_px}"):
        build_model(model, InputParams(frames=4, image_px=image_px, speed=None))


def test_vivit_refuses_a_number_of_frames_that_is_no_multiple_of_its_tubes():
    with pytest.raises(ParamsError, match="frames: wanted a multiple of 2, got 7"):
        build_model(BASELINES[-1], replace(INPUT, frames=7))
