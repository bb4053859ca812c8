"""The published RoSTFine class with its faults, and with its token order mended."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rostfine.explain.rollout import selection_map
from rostfine.losses import diversity, losses_of, objective
from rostfine.model_params import RoSTFineParams
from rostfine.models.branches import BareBranch
from rostfine.models.divided import VitSize, take_patches
from rostfine.models.pretrained import load_pretrained
from rostfine.models.rostfine import RoSTFine, select_patches, take_scrambled
from rostfine.models.timesformer import Encoder
from rostfine.models.weight_layouts import PUBLISHED_ROSTFINE
from rostfine.params import FitParams, LossParams
from rostfine.training.optim import make_optimizer
from rostfine.variants import PUBLISHED_LABEL_SHIFT, named_variant

SMALL = VitSize(dim=48, depth=3, heads=4, patch_px=8, mlp_ratio=4)
TOLERANCE = 1e-4
OF_ALL = ("bare_branches", "js_precedence", "raw_attention_maps")
SWITCHES = {
    "asis_last1": (*OF_ALL, "token_order", "last_layer_only"),
    "asis_last2": (*OF_ALL, "token_order"),
    "fixed_last1": (*OF_ALL, "last_layer_only"),
    "fixed_last2": OF_ALL,
}
PARAMS = RoSTFineParams(
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
PAIRS = ("gs", "gt", "st")
SGD = FitParams(
    "sgd",
    lr=0.005,
    momentum=0.9,
    weight_decay=5e-4,
    schedule="constant",
    warmup_epochs=0.0,
    clip_norm=None,
    batch=3,
    epochs=5,
    accumulate=1,
    choose_epoch="last",
    validation=0.2,
    ema=None,
    augment=None,
    balance="none",
    freeze="none",
    precision="fp32",
    compile=False,
    checkpoint_activations=False,
    seed=0,
)


@pytest.fixture
def known(arrays):
    return arrays("rostfine_small")


@pytest.fixture(params=SWITCHES)
def case(request) -> str:
    return request.param


@pytest.fixture
def load(fixtures: Path):
    """Ours, with the published weights, as one of the four cases."""

    def build(case: str) -> RoSTFine:
        encoder = Encoder(SMALL, frames=4, image_px=32, drop_path=0.1)
        model = RoSTFine(encoder, PARAMS, named_variant(SWITCHES[case]))
        report = load_pretrained(model, fixtures / "rostfine_small.safetensors")
        assert set(report.loaded) == set(model.state_dict())
        assert set(report.ignored) == {"head.weight", "head.bias"}
        return model.eval()

    return build


def renamed(name: str) -> str:
    """What we call a weight of the published class."""
    return PUBLISHED_ROSTFINE.rename(name.removeprefix("model.model."))


def assert_close(ours, theirs, tolerance=TOLERANCE):
    ours = ours.detach().numpy()
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


@torch.no_grad()
def test_the_published_patches_are_selected_in_the_published_order(load, known, case):
    model = load(case)
    layers = model.attention_layers
    assert layers == int(case[-1])
    encoded = model.encoder(torch.from_numpy(known["clip"]), scored_layers=layers)
    score = torch.stack(encoded.attention).sum(dim=0)
    assert_close(score, known[f"{case}/score"])
    best = score.sort(dim=-1, descending=True).values
    margin = (best[..., 2] - best[..., 3]).min().item()
    assert margin == pytest.approx(float(known[f"{case}/topk_margin"]), abs=TOLERANCE)
    selected = select_patches(encoded.attention, 3)
    assert np.array_equal(selected.numpy(), known[f"{case}/indices"])
    take = take_scrambled if model.token_order else take_patches
    assert_close(take(encoded.patches, selected).flatten(1, 2), known[f"{case}/selected"])


@torch.no_grad()
def test_tokens_and_maps_of_the_backbone_are_the_published_ones(load, known):
    model, clip = load("fixed_last2"), torch.from_numpy(known["clip"])
    encoded = model.encoder(clip, maps=True)
    patches = encoded.patches.flatten(1, 2)
    assert_close(torch.cat([encoded.cls[:, None], patches], dim=1), known["tokens"])
    assert_close(encoded.maps.space.transpose(1, 2), known["spatial_attn"])


@torch.no_grad()
def test_features_distributions_and_their_mean_are_the_published_ones(load, known, case):
    output = load(case)(torch.from_numpy(known["clip"]))
    assert np.array_equal(output.selected.numpy(), known[f"{case}/indices"])
    assert output.branches == ("g", "s", "t")
    for branch, distribution in zip(output.branches, output.distributions, strict=True):
        assert_close(output.features[branch], known[f"{case}/v{branch}"])
        assert_close(distribution, known[f"{case}/out_{branch}"])
    assert_close(output.distribution, known[f"{case}/out"])


@torch.no_grad()
def test_the_published_picture_is_a_map_of_the_last_fgs_block_on_selected_patches(
    load, known, case
):
    output = load(case)(torch.from_numpy(known["clip"]), maps=True)
    assert_close(selection_map(output), known[f"{case}/attn_map"])


@torch.no_grad()
@pytest.mark.parametrize("loss", ["mse", "js"])
def test_every_term_of_the_loss_is_the_published_one(load, known, case, loss):
    model, label = load(case), torch.from_numpy(known["label"])
    output = model(torch.from_numpy(known["clip"]))
    variant = named_variant(SWITCHES[case])
    terms = objective(output, label, LossParams(loss, 1.0, PAIRS), variant)

    def published(name: str) -> float:
        return pytest.approx(float(known[f"{case}/{name}"]), abs=1e-5)

    for row, branch in enumerate("gst"):
        assert terms.fit_of_branch[row].item() == published(f"{loss}/v{branch}")
    assert terms.fit.item() == published(f"{loss}/avg")
    assert terms.total.item() == published(f"{loss}/total_alpha1")
    of_mean = losses_of(variant)[loss](output.distribution, label)
    assert of_mean.item() == published(f"{loss}/all")
    for pair in PAIRS:
        assert diversity(output.features, [pair]).item() == published(f"div_{pair}")
    assert terms.diversity.item() == published("div_avg")
    # What the published code logs as "gs" is the mean of the three, by an addition in place.
    assert terms.diversity.item() == published(f"{loss}/div_gs_as_logged")


@pytest.mark.parametrize("case", ["asis_last1", "fixed_last2"], indirect=True)
def test_every_gradient_is_the_published_one_within_1e_3(load, known, case, weights):
    model = load(case)
    loss = objective(
        model(torch.from_numpy(known["clip"])),
        torch.from_numpy(known["label"]),
        LossParams("mse", 1.0, PAIRS),
    )
    loss.total.backward()
    gradients = {
        renamed(name.removeprefix(f"{case}/")): value
        for name, value in weights("rostfine_small_grads").items()
        if name.startswith(case)
    }
    ours = {name: weight.grad for name, weight in model.named_parameters()}
    assert gradients.keys() == ours.keys()
    for name, gradient in gradients.items():
        difference = (ours[name] - gradient).abs().max().item()
        assert difference <= 1e-3 * max(gradient.abs().max().item(), 1e-3), name
    without = {renamed(name) for name in known[f"{case}/no_grad_params"]}
    assert not without & ours.keys()


@pytest.mark.parametrize("case", ["asis_last1", "fixed_last2"], indirect=True)
def test_five_steps_of_sgd_end_where_the_published_ones_do(load, known, case):
    # In float64: five steps make much of rounding, and only that of the published run shall count.
    model, clip = load(case).double(), torch.from_numpy(known["clip"]).double()
    label = torch.from_numpy(known["label"]).double() + PUBLISHED_LABEL_SHIFT
    optimizer = make_optimizer(model, SGD)
    losses = []
    for _ in range(5):
        terms = objective(model(clip), label, LossParams("mse", 1.0, PAIRS))
        losses.append(terms.total.item())
        optimizer.zero_grad()
        terms.total.backward()
        optimizer.step()
    assert losses == pytest.approx(known[f"{case}/sgd_total_loss"].tolist(), abs=TOLERANCE)
    with torch.no_grad():
        assert_close(model(clip).distribution, known[f"{case}/out_after_5_sgd_steps"])


@torch.no_grad()
def test_a_bare_branch_is_the_published_stack_block_by_block(known, weights):
    published = {
        renamed(name).removeprefix("fgt."): value
        for name, value in weights("rostfine_small").items()
        if name.startswith(("norm_t", "mhsa_t", "mlp_t"))
    }
    branch = BareBranch(48, depth=2, heads=4)
    branch.load_state_dict(published)
    given = torch.from_numpy(known["branch_in"])
    looks = branch(given[:, 0], given[:, 1:], maps=True).maps
    tokens = given
    for number, mhsa in enumerate(branch.mhsa):
        tokens = mhsa(branch.norm1(tokens))
        assert_close(tokens, known[f"branch_t_block{number}"])
        assert_close(looks[:, number], known[f"branch_t_attn{number}"])
    # A branch tells of its first token only; each of the 13 is put first in turn.
    for place in range(13):
        rolled = given.roll(-place, dims=1)
        feature = branch(rolled[:, 0], rolled[:, 1:]).feature
        assert_close(feature, known["branch_t_out"][:, place])
