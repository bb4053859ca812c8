"""The layers of the published autoencoder, and that it learns from its first step on."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from rostfine.models.autoencoder import FEATURE_CHANNELS, Autoencoder
from rostfine.simulate.field import draw_field
from rostfine.simulate.semen_draw import draw_semen
from rostfine.simulate.semen_plan import SemenSettings, plan_sample
from rostfine.video.shrink import shrink

FRAMES, SIDE_PX = 9, 64


@pytest.fixture(scope="module")
def stacks() -> torch.Tensor:
    """Sixteen simulated stacks, of intensities from 0 to 1."""
    settings = SemenSettings(participants=2, frames=8 * FRAMES, seed=3)
    videos = []
    for index in range(2):
        rng = np.random.default_rng(index)
        field = draw_field(width_px=160, height_px=120, frames=8 * FRAMES, rng=rng)
        drawn = draw_semen(plan_sample(settings, index), field, um_per_px=settings.um_per_px)
        videos.append(np.stack([shrink(frame, size_px=SIDE_PX) for frame in drawn]))
    frames = torch.from_numpy(np.concatenate(videos)).reshape(16, 1, FRAMES, SIDE_PX, SIDE_PX)
    return frames.float() / 255


def built(*, frames: int = FRAMES, intensity: float | None = None) -> Autoencoder:
    torch.manual_seed(0)
    model = Autoencoder(frames)
    if intensity is not None:
        model.start_at(intensity)
    return model


def counted(module: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


# 3x3 from C to 16, 3x3 from 16 to 32, 2x2 from 32 to 16, 2x2 from 16 to 3; and again from 3 to C.
@pytest.mark.parametrize(
    ("frames", "encoder", "decoder"),
    [
        (1, 160 + 4640 + 2064 + 195, 448 + 4640 + 2064 + 65),
        (9, 1312 + 4640 + 2064 + 195, 448 + 4640 + 2064 + 585),
        (18, 2608 + 4640 + 2064 + 195, 448 + 4640 + 2064 + 1170),
    ],
)
def test_both_halves_have_the_weights_of_the_published_layers(frames, encoder, decoder):
    model = built(frames=frames)
    assert (counted(model.encoder), counted(model.decoder)) == (encoder, decoder)
    assert counted(model) == encoder + decoder


@pytest.mark.parametrize("frames", [1, 9, 18])
@pytest.mark.parametrize(("rows", "cols"), [(4, 4), (12, 20), (36, 8)])
def test_sides_that_are_multiples_of_four_come_out_as_they_went_in(frames, rows, cols):
    model = built(frames=frames, intensity=0.4)
    stack = torch.rand(2, 1, frames, rows, cols)
    assert model(stack).shape == stack.shape
    assert model.encoder(stack[:, 0]).shape == (2, FEATURE_CHANNELS, rows, cols)


def test_neither_feature_image_nor_what_comes_out_is_ever_negative():
    model = built()
    stack = 100 * torch.randn(2, 1, FRAMES, 16, 16)
    feature = model.encoder(stack[:, 0])
    assert feature.min() == 0
    assert model(stack).min() >= 0


@pytest.mark.parametrize("frames", [1, 9])
def test_a_started_model_says_about_the_intensity_everywhere_and_no_channel_is_dead(stacks, frames):
    stacks = stacks[:8, :, :frames]
    mean = float(stacks.mean())
    model = built(frames=frames, intensity=mean)
    feature, made = model.encoder(stacks[:, 0]), model(stacks)
    # Nearer to the mean than what is to be learnt.
    assert (made - mean).square().mean() < 0.5 * stacks.var()
    assert (made > 0).float().mean(dim=(0, 1, 3, 4)).min() > 0.99
    # Each channel tells something, about most of the picture.
    assert (feature > 0).float().mean(dim=(0, 2, 3)).min() > 0.4
    assert feature.std(dim=(0, 2, 3)).min() > stacks.std()


def test_it_learns_pixels_in_sixty_steps_where_torchs_own_start_has_not_begun(stacks):
    variance = float(stacks.var())
    assert learnt(built(intensity=float(stacks.mean())), stacks) < 0.6 * variance
    assert learnt(built(), stacks) > variance


def learnt(model: Autoencoder, stacks: torch.Tensor) -> float:
    """The mean squared error after sixty steps."""
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for step in range(60):
        batch = stacks[torch.arange(4 * step, 4 * step + 4) % len(stacks)]
        optimizer.zero_grad()
        F.mse_loss(model(batch), batch).backward()
        optimizer.step()
    with torch.no_grad():
        return float(F.mse_loss(model(stacks), stacks))
