"""Our models, losses and metrics by the project's own numbers, which the plain code made."""

import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from einops import rearrange

from rostfine.explain.rollout import rollout_of, selection_map
from rostfine.losses import diversity, losses_of
from rostfine.metrics import balanced_accuracy, metrics_of
from rostfine.model_params import RoSTFineParams
from rostfine.models.inference import fold_time
from rostfine.models.rostfine import RoSTFine
from rostfine.models.timesformer import Encoder, TimeSformer, VitSize
from rostfine.variants import PAPER, PUBLISHED, Variant

sys.path.insert(0, str(Path(__file__).parent))
import make_small
from plain import draw
from plain.rollout import encoder_rollout, on_patches, rostfine_rollout
from plain.rostfine import BRANCHES, Settings, rostfine
from plain.timesformer import encode

SIZE = VitSize(draw.DIM, draw.DEPTH, draw.HEADS, draw.PATCH_PX, draw.MLP_RATIO)
VARIANTS = {"paper": PAPER, "published": PUBLISHED}
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}


def numbers(name) -> dict[str, np.ndarray]:
    with np.load(make_small.SMALL / f"{name}.npz", allow_pickle=False) as file:
        return dict(file)


def exact(name) -> dict[str, np.ndarray]:
    return {key: value.astype(np.float64) for key, value in numbers(name).items()}


def assert_close(ours, known, dtype):
    ours = ours.numpy() if isinstance(ours, torch.Tensor) else np.asarray(ours)
    assert ours.shape == known.shape
    np.testing.assert_allclose(ours, known, rtol=0, atol=TOLERANCE[dtype])


def sequence(tokens) -> np.ndarray:
    """The class token, then 1 + patch * frames + frame."""
    patches = rearrange(tokens.patches, "batch patch frame dim -> batch (patch frame) dim")
    return torch.cat([tokens.cls[:, None], patches], dim=1).numpy()


def spread(rollout) -> np.ndarray:
    """A rollout over the class token and the patches in the order of `sequence`."""
    patches = rearrange(rollout.patches, "batch frame patch -> batch (patch frame)")
    return torch.cat([rollout.cls[:, None], patches], dim=1).numpy()


def small_encoder() -> Encoder:
    return Encoder(SIZE, frames=draw.FRAMES, image_px=draw.IMAGE_PX, drop_path=0.1)


def small_rostfine(variant: Variant) -> RoSTFine:
    params = RoSTFineParams(
        "rostfine",
        "tiny",
        0.1,
        None,
        attention_layers=None,
        top_k=draw.TOP_K,
        branch_depth=draw.BRANCH_DEPTH,
        branch_heads=draw.BRANCH_HEADS,
        use_feat=BRANCHES,
        aggregation="separate",
    )
    return RoSTFine(small_encoder(), params, variant)


def loaded(model, dtype):
    """The model with its part of the weights of the set, every one of them."""
    weights = numbers("weights")
    part = {name: torch.from_numpy(weights[name].astype(np.float64)) for name in model.state_dict()}
    model.load_state_dict(part, strict=True)
    return model.to(dtype).eval()


def clip_of(name, dtype) -> torch.Tensor:
    return torch.from_numpy(numbers("inputs")[name].astype(np.float64)).to(dtype)


@pytest.fixture(params=TOLERANCE, ids=str)
def dtype(request) -> torch.dtype:
    return request.param


@pytest.fixture(params=VARIANTS)
def variant(request) -> str:
    return request.param


def test_the_script_makes_the_committed_set_again_within_1e_12(tmp_path):
    make_small.write(tmp_path)
    names = sorted(path.name for path in make_small.SMALL.iterdir())
    assert names == sorted(path.name for path in tmp_path.iterdir())
    for name in names:
        with np.load(tmp_path / name) as again, np.load(make_small.SMALL / name) as committed:
            assert sorted(again) == sorted(committed)
            for key in committed:
                assert again[key].dtype == committed[key].dtype
                np.testing.assert_allclose(again[key], committed[key], rtol=0, atol=1e-12)


def test_every_weight_of_the_set_is_of_one_of_the_models():
    models = [TimeSformer(small_encoder()), *map(small_rostfine, VARIANTS.values())]
    assert {name for model in models for name in model.state_dict()} == numbers("weights").keys()


def test_attention_of_the_selected_patches_is_at_least_0_02_apart(variant):
    ranked = -np.sort(-numbers(variant)["score"], axis=-1)[..., : draw.TOP_K + 1]
    assert np.diff(-ranked).min() > 0.02


def test_rows_of_the_plain_rollout_sum_to_1():
    encoding = encode(exact("inputs")["clip"][0], exact("weights"), heads=draw.HEADS)
    np.testing.assert_allclose(encoder_rollout(encoding).sum(axis=1), 1, rtol=0, atol=1e-12)
    for name, key in product(VARIANTS, ("rollout", *(f"rollout_{b}" for b in BRANCHES))):
        np.testing.assert_allclose(numbers(name)[key].sum(axis=1), 1, rtol=0, atol=1e-12)


@torch.no_grad()
def test_every_block_puts_out_the_known_tokens(dtype):
    encoder, known = loaded(TimeSformer(small_encoder()), dtype).encoder, numbers("timesformer")
    tokens = encoder.embed(clip_of("clip", dtype))
    assert_close(sequence(tokens), known["embedded"], dtype)
    for depth, block in enumerate(encoder.blocks):
        tokens, _ = block(tokens)
        assert_close(sequence(tokens), known["block_out"][:, depth], dtype)
    assert_close(sequence(encoder(clip_of("clip", dtype))), known["tokens"], dtype)


@torch.no_grad()
def test_timesformer_has_the_known_maps_features_logits_and_rollout(dtype):
    model, known = loaded(TimeSformer(small_encoder()), dtype), numbers("timesformer")
    output = model(clip_of("clip", dtype), maps=True)
    assert_close(output.maps.time, known["time"], dtype)
    assert_close(output.maps.space, known["space"], dtype)
    assert_close(spread(rollout_of(output)), known["rollout"], dtype)
    fast, folded = model(clip_of("clip", dtype)), fold_time(model)(clip_of("clip", dtype))
    for each in (output, fast, folded):
        assert_close(each.features["g"], known["features"], dtype)
        assert_close(each.logits[0], known["logits"], dtype)


@torch.no_grad()
@pytest.mark.parametrize("other", ["longer", "shorter"])
def test_a_clip_of_another_size_has_the_known_embedding_and_logits(dtype, other):
    model, known = loaded(TimeSformer(small_encoder()), dtype), numbers("timesformer")
    clip = clip_of(f"clip_{other}", dtype)
    assert_close(sequence(model.encoder.embed(clip)), known[f"embedded_{other}"], dtype)
    assert_close(model(clip).logits[0], known[f"logits_{other}"], dtype)


@torch.no_grad()
@pytest.mark.parametrize("maps", [True, False])
def test_rostfine_selects_and_predicts_what_is_known(dtype, variant, maps):
    model, known = loaded(small_rostfine(VARIANTS[variant]), dtype), numbers(variant)
    output = model(clip_of("clip", dtype), maps=maps)
    assert output.branches == BRANCHES
    assert output.selected.tolist() == known["selected"].tolist()
    for row, name in enumerate(BRANCHES):
        assert_close(output.features[name], known[f"feature_{name}"], dtype)
        assert_close(output.logits[row], known[f"logits_{name}"], dtype)
        assert_close(output.distributions[row], known[f"distribution_{name}"], dtype)
    assert_close(output.distribution, known["distribution"], dtype)


@torch.no_grad()
def test_rostfine_has_the_known_maps_and_rollouts(dtype, variant):
    # With raw_attention_maps the maps of the branches are those that the published code draws.
    flaws = replace(VARIANTS[variant], raw_attention_maps=False)
    output = loaded(small_rostfine(flaws), dtype)(clip_of("clip", dtype), maps=True)
    known, encoder = numbers(variant), numbers("timesformer")
    assert_close(output.maps.time, encoder["time"], dtype)
    assert_close(output.maps.space, encoder["space"], dtype)
    assert_close(output.maps.fgs, known["fgs"], dtype)
    assert_close(output.maps.fgt, known["fgt"], dtype)
    assert_close(spread(rollout_of(output, variant=flaws)), known["rollout"], dtype)
    for name in BRANCHES:
        assert_close(
            spread(rollout_of(output, name, variant=flaws)), known[f"rollout_{name}"], dtype
        )


@torch.no_grad()
def test_the_published_picture_is_the_known_one(dtype):
    output = loaded(small_rostfine(PUBLISHED), dtype)(clip_of("clip", dtype), maps=True)
    assert_close(selection_map(output), numbers("published")["picture"], dtype)


@torch.no_grad()
@pytest.mark.parametrize("flaws", list(product([False, True], repeat=3)), ids=str)
def test_each_switch_does_by_itself_what_it_does_in_the_plain_code(flaws):
    token_order, last_layer_only, bare_branches = flaws
    variant = Variant(token_order, last_layer_only, bare_branches)
    layers = 1 if last_layer_only else 2
    settings = Settings(
        draw.HEADS, draw.BRANCH_HEADS, draw.TOP_K, layers, token_order, bare_branches
    )
    plain = rostfine(exact("inputs")["clip"][1], exact("weights"), settings)
    model = loaded(small_rostfine(variant), torch.float64)
    output = model(clip_of("clip", torch.float64)[1:], maps=True)
    assert output.selected[0].tolist() == plain.selected.tolist()
    assert_close(output.distribution[0], plain.distribution, torch.float64)
    rollouts = rostfine_rollout(plain, residual=not bare_branches)
    wanted = on_patches(sum(rollouts.values()) / 3, draw.FRAMES)
    assert_close(rollout_of(output, variant=variant).patches[0], wanted, torch.float64)


def test_losses_and_diversity_of_rostfine_are_the_known_ones(dtype, variant):
    known, label = numbers(variant), torch.from_numpy(numbers("inputs")["label"]).to(dtype)
    features = {name: torch.from_numpy(known[f"feature_{name}"]).to(dtype) for name in BRANCHES}
    for name, branch in product(make_small.LOSSES, BRANCHES):
        predicted = torch.from_numpy(known[f"distribution_{branch}"]).to(dtype)
        assert_close(losses_of(PAPER)[name](predicted, label), known[f"{name}_{branch}"], dtype)
        published = losses_of(PUBLISHED)["js"](predicted, label)
        assert_close(published, known[f"js_published_{branch}"], dtype)
    assert_close(diversity(features, ["gs", "gt", "st"]), known["diversity"], dtype)
    for pair in ("gs", "gt", "st"):
        assert_close(diversity(features, [pair]), known[f"diversity_{pair}"], dtype)


def test_losses_and_metrics_of_30_predictions_are_the_known_ones():
    known, exactly = numbers("losses"), torch.float64
    predicted, label = known["predicted"], known["label"]
    for name in make_small.LOSSES:
        loss = losses_of(PAPER)[name](torch.from_numpy(predicted), torch.from_numpy(label))
        assert_close(loss, known[name], exactly)
    for name, metric in metrics_of(PAPER).items():
        assert_close(metric(predicted, label).mean(), known[name], exactly)
    loss = losses_of(PUBLISHED)["js"](torch.from_numpy(predicted), torch.from_numpy(label))
    assert_close(loss, known["js_published"], exactly)
    metric = metrics_of(PUBLISHED)["js"](predicted, label).mean()
    assert_close(metric, known["js_published_as_metric"], exactly)
    for order in ("descending", "ascending"):
        ours = [
            balanced_accuracy(predicted, label, rank, ascending=order == "ascending")
            for rank in range(1, draw.GRADES + 1)
        ]
        assert_close(ours, known[f"balanced_accuracy_{order}"], exactly)
