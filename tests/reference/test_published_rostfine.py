import numpy as np
import pytest
import torch
from torch import nn

from rostfine.losses import LOSSES, diversity
from rostfine.models.layers import Attention
from rostfine.models.rostfine import RoSTFine, select_patches, take_patches
from rostfine.models.timesformer import Encoder, VitSize

SMALL = VitSize(dim=48, depth=3, heads=4, patch_px=8, mlp_ratio=4)
TOLERANCE = 1e-4
LAYERS = {"fixed_last1": 1, "fixed_last2": 2}


@pytest.fixture
def known(arrays):
    return arrays("rostfine_small")


@pytest.fixture
def published(weights):
    return weights("rostfine_small")


@pytest.fixture
def model(published) -> RoSTFine:
    """Ours, with the published weights of the backbone and of the head on the class token."""
    encoder = Encoder(SMALL, frames=4, image_px=32, drop_path=0.1)
    model = RoSTFine(encoder, attention_layers=2, top_k=3, branch_depth=2, branch_heads=4).eval()
    prefix = "model.model."
    backbone = {
        name.removeprefix(prefix): value
        for name, value in published.items()
        if name.startswith(prefix) and ".head." not in name
    }
    encoder.load_state_dict(backbone, strict=True)
    model.heads["g"].load_state_dict({k: published[f"head_g.{k}"] for k in ("weight", "bias")})
    return model


@torch.no_grad()
@pytest.mark.parametrize("variant", LAYERS)
def test_the_published_patches_are_selected_in_the_published_order(model, known, variant):
    encoded = model.encoder(torch.from_numpy(known["clip"]), scored_layers=LAYERS[variant])
    score = torch.stack(encoded.attention).sum(dim=0).numpy()
    np.testing.assert_allclose(score, known[f"{variant}/score"], rtol=0, atol=TOLERANCE)
    selected = select_patches(encoded.attention, 3)
    assert np.array_equal(selected.numpy(), known[f"{variant}/indices"])
    chosen = take_patches(encoded.patches, selected).flatten(1, 2).numpy()
    np.testing.assert_allclose(chosen, known[f"{variant}/selected"], rtol=0, atol=TOLERANCE)


@torch.no_grad()
def test_the_global_branch_predicts_the_published_distribution(model, known):
    output = model(torch.from_numpy(known["clip"]))
    assert np.array_equal(output.selected.numpy(), known["fixed_last2/indices"])
    np.testing.assert_allclose(output.features[0].numpy(), known["fixed_last2/vg"], atol=TOLERANCE)
    np.testing.assert_allclose(
        output.distributions[0].numpy(), known["fixed_last2/out_g"], atol=TOLERANCE
    )


@torch.no_grad()
def test_attention_of_a_branch_gives_the_published_tokens(known, published):
    attention = Attention(48, 4, qkv_bias=False)
    names = ("qkv.weight", "proj.weight", "proj.bias")
    attention.load_state_dict({name: published[f"mhsa_t.0.{name}"] for name in names})
    norm = nn.LayerNorm(48)
    norm.load_state_dict({k: published[f"norm_t1.{k}"] for k in ("weight", "bias")})
    out = attention(norm(torch.from_numpy(known["branch_in"])))
    np.testing.assert_allclose(out.numpy(), known["branch_t_block0"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("variant", LAYERS)
def test_mse_and_diversity_of_the_published_outputs_are_the_published_ones(known, variant):
    label = torch.from_numpy(known["label"])
    for out, name in (("out_g", "vg"), ("out_s", "vs"), ("out_t", "vt"), ("out", "all")):
        loss = LOSSES["mse"](torch.from_numpy(known[f"{variant}/{out}"]), label).item()
        assert loss == pytest.approx(float(known[f"{variant}/mse/{name}"]), abs=1e-6)
    features = torch.stack([torch.from_numpy(known[f"{variant}/{v}"]) for v in ("vg", "vs", "vt")])
    wanted = float(known[f"{variant}/div_avg"])
    assert diversity(features).item() == pytest.approx(wanted, abs=1e-6)
    pair = diversity(features[[0, 2]]).item()
    assert pair == pytest.approx(float(known[f"{variant}/div_gt"]), abs=1e-6)
