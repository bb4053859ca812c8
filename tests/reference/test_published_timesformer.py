from pathlib import Path

import numpy as np
import pytest
import torch
from einops import rearrange

from rostfine.models.divided import Tokens, VitSize
from rostfine.models.pretrained import load_pretrained
from rostfine.models.timesformer import Encoder, TimeSformer
from rostfine.models.weight_layouts import OFFICIAL

SMALL = VitSize(dim=48, depth=3, heads=4, patch_px=8, mlp_ratio=4)
TOLERANCE = 1e-4


def small_encoder(*, frames=4, image_px=32):
    return Encoder(SMALL, frames=frames, image_px=image_px, drop_path=0.1)


def sequence(tokens) -> np.ndarray:
    """The published order: the class token, then 1 + patch * frames + frame."""
    patches = rearrange(tokens.patches, "batch patch frame dim -> batch (patch frame) dim")
    return torch.cat([tokens.cls[:, None], patches], dim=1).numpy()


def assert_close(ours, theirs, tolerance=TOLERANCE):
    ours = ours.detach().numpy() if isinstance(ours, torch.Tensor) else ours
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


@pytest.fixture
def model(fixtures: Path) -> TimeSformer:
    model = TimeSformer(small_encoder()).eval()
    report = load_pretrained(model, fixtures / "timesformer_small.safetensors")
    assert set(report.loaded) == set(model.state_dict())
    assert not report.ignored
    return model


@pytest.fixture
def known(arrays):
    return arrays("timesformer_small")


@torch.no_grad()
def test_every_block_puts_out_the_published_tokens_within_1e_4(model, known):
    tokens = model.encoder.embed(torch.from_numpy(known["clip"]))
    assert_close(sequence(tokens), known["embedded"])
    for depth, block in enumerate(model.encoder.blocks):
        tokens, attended = block(tokens, scored=True, maps=True)
        assert_close(sequence(tokens), known["block_out"][:, depth])
        assert_close(attended.scores, known["spatial_attn"][:, depth, :, :, 0, 1:].sum(axis=2))
        assert_close(attended.space, known["spatial_attn"][:, depth])
        assert_close(attended.time, known["temporal_attn"][:, depth])


@torch.no_grad()
def test_tokens_features_and_logits_are_the_published_ones_within_1e_4(model, known):
    clip = torch.from_numpy(known["clip"])
    output = model(clip)
    assert_close(sequence(model.encoder(clip)), known["tokens"])
    assert_close(output.features["g"], known["features"])
    assert_close(output.logits[0], known["logits"])
    maps = model(clip, maps=True).maps
    assert_close(maps.space, known["spatial_attn"])
    assert_close(maps.time, known["temporal_attn"])


@torch.no_grad()
@pytest.mark.parametrize("other", ["other_size", "two_frames", "nonsquare"])
def test_a_clip_of_another_size_gets_the_published_logits_within_1e_4(model, known, other):
    clip = torch.from_numpy(known[f"clip_{other}"])
    assert_close(model(clip).logits[0], known[f"logits_{other}"])


@torch.no_grad()
def test_tokens_at_6_frames_of_48_px_are_the_published_ones_within_1e_4(model, known):
    encoded = model.encoder(torch.from_numpy(known["clip_other_size"]))
    assert_close(sequence(encoded), known["tokens_other_size"])


def test_every_gradient_is_the_published_one_within_1e_3(model, known, weights):
    logits = model(torch.from_numpy(known["clip"])).logits[0]
    loss = (logits * torch.from_numpy(known["loss_weights"])).sum()
    loss.backward()
    assert loss.item() == pytest.approx(float(known["loss"]), abs=TOLERANCE)
    published = weights("timesformer_small_grads")
    ours = {name: weight.grad for name, weight in model.named_parameters()}
    assert ours.keys() == {OFFICIAL.rename(name) for name in published}
    for name, gradient in published.items():
        largest = gradient.abs().max().item()
        difference = (ours[OFFICIAL.rename(name)] - gradient).abs().max().item()
        assert difference <= 1e-3 * max(largest, 1e-3), name


@torch.no_grad()
def test_an_image_transformer_s_weights_give_the_published_logits(weights, known, tmp_path: Path):
    in_time = ("temporal", "time_embed")
    image = {
        k: v for k, v in weights("timesformer_small").items() if not any(t in k for t in in_time)
    }
    torch.save(image, tmp_path / "image.pth")
    model = TimeSformer(small_encoder()).eval()
    report = load_pretrained(model, tmp_path / "image.pth")
    zero = [block.temporal_fc.weight.abs().max().item() == 0 for block in model.encoder.blocks]
    assert zero == known["from_image_vit_block0_temporal_fc_is_zero"].astype(bool).tolist()
    logits = model(torch.from_numpy(known["clip"])).logits[0]
    assert_close(logits, known["logits_from_image_vit_temporal_fc_zeroed"])
    assert len(report.copied) == 3 * 6
    assert set(report.fresh) >= {"encoder.time_embed"}


@torch.no_grad()
def test_flat_positions_are_what_the_published_loader_makes_of_another_size(
    weights, known, tmp_path: Path
):
    content = {f"model.{name}": value for name, value in weights("timesformer_small").items()}
    content |= {"model.head.weight": torch.zeros(400, 48), "model.head.bias": torch.zeros(400)}
    torch.save({"epoch": 1, "model_state": content}, tmp_path / "k400.pyth")
    model = TimeSformer(small_encoder(frames=6, image_px=48)).eval()
    report = load_pretrained(model, tmp_path / "k400.pyth", flat_positions=True)
    assert set(report.resized) == {"encoder.pos_embed", "encoder.time_embed"}
    assert len(report.ignored) == 2
    assert_close(model.encoder.pos_embed, known["loaded_pos_embed_48px"], 0)
    assert_close(model.encoder.time_embed, known["loaded_time_embed_6f"], 0)
    encoded = model.encoder(torch.from_numpy(known["clip_other_size"]))
    assert_close(sequence(encoded), known["tokens_loaded_48px_6f"])
    positions = model.encoder.pos_embed.clone()
    load_pretrained(model, tmp_path / "k400.pyth")
    assert (model.encoder.pos_embed - positions).abs().max() > 0.1


@torch.no_grad()
def test_the_tokens_of_one_frame_are_a_named_pair(model, known):
    tokens = model.encoder.embed(torch.from_numpy(known["clip"][:, :, :1]))
    assert isinstance(tokens, Tokens)
    assert tokens.patches.shape == (2, 16, 1, 48)
