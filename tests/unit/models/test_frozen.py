"""TimeSformer and RoSTFine in two steps: the encoder once, and what stands behind it."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from rostfine.model_params import RoSTFineParams, TimeSformerParams
from rostfine.models import build_model
from rostfine.models.outputs import Condensing
from rostfine.models.rostfine import take_scrambled
from rostfine.params import InputParams
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
INPUT = InputParams(frames=4, image_px=32, speed="speed_um_s")
SETTINGS = {
    "timesformer": (TIMESFORMER, INPUT, PAPER),
    "rostfine": (ROSTFINE, INPUT, PAPER),
    "rostfine as published": (ROSTFINE, INPUT, PUBLISHED),
    "rostfine, concatenated": (replace(ROSTFINE, aggregation="concat"), INPUT, PAPER),
    "rostfine, v_g alone": (replace(ROSTFINE, use_feat=("g",)), INPUT, PAPER),
}
SPEEDS = torch.tensor([3.0, 80.0, 20.0])


def build(name: str) -> nn.Module:
    """Fresh weights, moved off zero: temporal_fc starts at zero and would hide what is below."""
    torch.manual_seed(0)
    model = build_model(*SETTINGS[name])
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return model.eval()


@pytest.fixture
def clips() -> torch.Tensor:
    return torch.randn(3, 3, 4, 32, 32, generator=torch.Generator().manual_seed(1))


def test_both_models_can_be_condensed():
    assert all(isinstance(build(name), Condensing) for name in SETTINGS)


@pytest.mark.parametrize("frames", [4, 6])
@pytest.mark.parametrize("name", SETTINGS)
@torch.no_grad()
def test_what_is_predicted_from_the_condensed_clip_is_the_prediction_bit_for_bit(name, frames):
    model, clips = build(name), torch.randn(3, 3, frames, 32, 32)
    whole, behind = model(clips, SPEEDS), model.predict_from(model.condense(clips), SPEEDS)
    assert torch.equal(behind.logits, whole.logits)
    assert behind.branches == whole.branches
    assert behind.features.keys() == whole.features.keys()
    assert all(torch.equal(behind.features[key], whole.features[key]) for key in whole.features)


@torch.no_grad()
def test_timesformer_condenses_to_its_class_token(clips):
    model = build("timesformer")
    condensed = model.condense(clips)
    assert condensed.shape == (3, 1, 64)
    torch.testing.assert_close(condensed[:, 0], model.encoder(clips).cls, rtol=0, atol=1e-5)


@torch.no_grad()
def test_rostfine_condenses_to_the_class_token_and_then_3_patches_of_each_frame(clips):
    model = build("rostfine")
    condensed, encoded = model.condense(clips), model.encoder(clips)
    wanted = [encoded.cls]
    for frame, chosen in enumerate(model(clips, SPEEDS).selected.unbind(1)):
        wanted += [encoded.patches[range(3), k, frame] for k in chosen.T]
    assert condensed.shape == (3, 1 + 4 * 3, 64)
    torch.testing.assert_close(condensed, torch.stack(wanted, dim=1), rtol=0, atol=1e-5)


@torch.no_grad()
def test_as_published_the_scrambled_tokens_are_condensed(clips):
    model = build("rostfine as published")
    scrambled = take_scrambled(model.encoder(clips).patches, model(clips, SPEEDS).selected)
    condensed = model.condense(clips)[:, 1:]
    torch.testing.assert_close(condensed, scrambled.flatten(1, 2), rtol=0, atol=1e-5)
