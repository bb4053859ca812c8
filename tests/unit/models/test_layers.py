import pytest
import torch

from rostfine.models.layers import Attention, DropPath, PatchEmbed, attention_of_first, scaled


@pytest.fixture
def attention() -> Attention:
    torch.manual_seed(0)
    return Attention(dim=12, heads=3)


def written_out(attention, tokens):
    """Outputs and maps of softmax attention, one head at a time."""
    query, key, value = attention.qkv(tokens).chunk(3, dim=-1)
    outs, maps = [], []
    for head in range(3):
        part = slice(4 * head, 4 * head + 4)
        match = query[..., part] @ key[..., part].transpose(1, 2) / 4**0.5
        maps.append(match.softmax(dim=-1))
        outs.append(maps[-1] @ value[..., part])
    return attention.proj(torch.cat(outs, dim=-1)), torch.stack(maps, dim=1)


@torch.no_grad()
def test_attention_is_softmax_of_scaled_dot_products_head_by_head(attention):
    tokens = torch.randn(5, 7, 12)
    wanted, _ = written_out(attention, tokens)
    torch.testing.assert_close(attention(tokens), wanted, rtol=0, atol=1e-6)


def test_attention_of_first_is_row_0_of_the_maps_summed_over_heads_without_gradient(attention):
    tokens = 3 * torch.randn(5, 7, 12)
    _, maps = written_out(attention, tokens)
    first = attention_of_first(attention.heads_of(tokens))
    torch.testing.assert_close(first, maps[:, :, 0, 1:].sum(dim=1).detach(), rtol=0, atol=1e-6)
    assert not first.requires_grad


def test_drop_path_0_25_scales_rows_by_0_or_4_thirds_and_keeps_the_mean():
    torch.manual_seed(0)
    scale = DropPath(0.25).train().scale(torch.empty(0), 4000, 2)
    assert scale.shape == (4000, 2)
    assert scale.unique().tolist() == pytest.approx([0, 4 / 3])
    assert scale.mean().item() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(("rate", "training"), [(0.25, False), (0.0, True)])
def test_drop_path_keeps_all_rows_in_evaluation_and_at_rate_0(rate, training):
    assert DropPath(rate).train(training).scale(torch.empty(0), 4) is None
    residual = torch.randn(4, 2)
    assert scaled(residual, None) is residual


def test_a_scale_of_rows_multiplies_whole_rows():
    residual = torch.ones(2, 3, 4)
    assert scaled(residual, torch.tensor([0.0, 2.0])).sum(dim=(1, 2)).tolist() == [0, 24]


@torch.no_grad()
def test_patches_of_2_px_see_their_own_pixels_of_their_own_frame_only():
    embed = PatchEmbed(dim=1, patch_px=2)
    torch.nn.init.ones_(embed.proj.weight)
    torch.nn.init.zeros_(embed.proj.bias)
    clip = torch.zeros(1, 3, 2, 4, 6)
    clip[0, 1, 1, 2, 5] = 7  # frame 1, second patch down, third across
    grid = embed(clip)
    assert grid.shape == (1, 2, 2, 3, 1)
    assert grid[0, 1, 1, 2, 0] == 7
    assert grid.sum() == 7
