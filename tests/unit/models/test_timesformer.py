import pytest
import torch

from rostfine.models.divided import take_patches
from rostfine.models.outputs import ModelOutput
from rostfine.models.timesformer import (
    SIZES,
    Encoder,
    TimeSformer,
    resize_positions,
    resize_times,
)


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(SIZES["tiny"], frames=4, image_px=32, drop_path=0.1).eval()


def moved(encoder: Encoder) -> Encoder:
    """Weights off zero, so that time matters."""
    with torch.no_grad():
        for weight in encoder.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return encoder


def test_vit_b_with_400_classes_has_the_published_121_566_352_parameters():
    with torch.device("meta"):
        model = TimeSformer(Encoder(SIZES["vit_b"], frames=8, image_px=224, drop_path=0.1))
    ours = sum(weight.numel() for weight in model.parameters())
    assert ours - 5 * 769 + 400 * 769 == 121_566_352


def test_vit_b_maps_8_frames_of_224_px_to_five_logits():
    with torch.device("meta"):
        model = TimeSformer(Encoder(SIZES["vit_b"], frames=8, image_px=224, drop_path=0.1)).eval()
        output = model(torch.empty(2, 3, 8, 224, 224))
    assert output.logits.shape == (1, 2, 5)
    assert output.features["g"].shape == (2, 768)


def test_names_are_those_of_published_checkpoints(encoder):
    names = set(encoder.state_dict())
    outside = {name for name in names if not name.startswith("blocks.")}
    assert outside == {
        "cls_token",
        "pos_embed",
        "time_embed",
        "patch_embed.proj.weight",
        "patch_embed.proj.bias",
        "norm.weight",
        "norm.bias",
    }
    parts = "norm1 attn.qkv attn.proj temporal_norm1 temporal_attn.qkv temporal_attn.proj"
    parts += " temporal_fc norm2 mlp.fc1 mlp.fc2"
    first = {name.removeprefix("blocks.0.") for name in names if name.startswith("blocks.0.")}
    assert first == {f"{part}.{kind}" for part in parts.split() for kind in ("weight", "bias")}


@torch.no_grad()
def test_patches_of_frame_0_ignore_frame_3_in_a_fresh_block_and_see_it_in_a_moved_one(encoder):
    def change_of_frame_0() -> float:
        tokens = encoder.embed(clip)
        other = tokens._replace(patches=tokens.patches.clone())
        other.patches[:, :, 3] += torch.randn(16, 64)
        after = [encoder.blocks[0](one, scored=False)[0].patches for one in (tokens, other)]
        return (after[0] - after[1])[:, :, 0].abs().max().item()

    clip = torch.randn(1, 3, 4, 32, 32)
    assert change_of_frame_0() == 0
    moved(encoder)
    assert change_of_frame_0() > 1e-2


@torch.no_grad()
def test_the_order_of_frames_matters_to_weights_moved_off_their_start(encoder):
    clip = torch.randn(1, 3, 4, 32, 32)
    moved(encoder)
    assert (encoder(clip).cls - encoder(clip.flip(2)).cls).abs().max() > 1e-3


@torch.no_grad()
def test_the_last_2_of_3_layers_are_scored_and_rows_of_2_heads_sum_to_less_than_2(encoder):
    encoded = encoder(torch.randn(2, 3, 4, 32, 48), scored_layers=2)
    assert [scores.shape for scores in encoded.attention] == [(2, 4, 24)] * 2
    total = torch.stack(encoded.attention).sum(dim=-1)
    assert (total < 2).all()  # the rest is what the class token pays to itself
    assert (total > 1.5).all()
    assert encoder(torch.randn(2, 3, 4, 32, 48)).attention == ()


@torch.no_grad()
def test_scoring_layers_does_not_change_the_tokens(encoder):
    clip = torch.randn(1, 3, 4, 32, 32)
    plain, scored = encoder(clip), encoder(clip, scored_layers=3)
    assert torch.equal(plain.cls, scored.cls)
    assert torch.equal(plain.patches, scored.patches)


@torch.no_grad()
def test_the_chosen_tokens_are_those_of_a_whole_last_block(encoder):
    clip = torch.randn(2, 3, 4, 32, 48)
    moved(encoder)

    def choose(attention):
        return sum(attention).topk(3, dim=-1).indices

    whole = encoder(clip, scored_layers=2)
    chosen = encoder.forward_chosen(clip, choose, scored_layers=2)
    assert torch.equal(chosen.selected, choose(whole.attention))
    wanted = take_patches(whole.patches, chosen.selected)
    torch.testing.assert_close(chosen.tokens, wanted, rtol=0, atol=1e-5)
    torch.testing.assert_close(chosen.cls, whole.cls, rtol=0, atol=1e-5)
    alone = encoder.forward_chosen(clip)
    torch.testing.assert_close(alone.cls, whole.cls, rtol=0, atol=1e-5)
    assert alone.selected.shape == (2, 4, 0)


def test_a_class_token_alone_spares_the_last_mlp_of_every_patch(encoder):
    calls = []
    encoder.blocks[-1].mlp.register_forward_hook(lambda *call: calls.append(call[1][0].shape))
    encoder.forward_chosen(torch.randn(1, 3, 4, 32, 32))
    assert sum(shape.numel() for shape in calls) == 64


def test_drop_path_grows_from_0_to_all_of_it_over_the_blocks(encoder):
    assert [block.drop_path.rate for block in encoder.blocks] == pytest.approx([0, 0.05, 0.1])


def test_positions_keep_their_class_token_and_are_resized_on_the_grid():
    embed = torch.tensor([9.0, 0, 1, 2, 3])[None, :, None]  # a grid of 2 x 2 after the first
    nearest = resize_positions(embed, 4, 2, mode="nearest").flatten().tolist()
    assert nearest == [9, 0, 1, 0, 1, 2, 3, 2, 3]
    assert resize_positions(embed, 2, 2, mode="nearest") is embed


def test_times_are_resized_along_time():
    embed = torch.tensor([0.0, 1, 2, 3])[None, :, None]
    assert resize_times(embed, 2, mode="nearest").flatten().tolist() == [0, 2]
    assert resize_times(embed, 8, mode="nearest").flatten().tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert resize_times(embed, 4, mode="nearest") is embed


def test_the_prediction_is_the_mean_of_the_branches_distributions():
    logits = torch.tensor([[[0.0] * 5], [[100.0, 0, 0, 0, 0]]])
    output = ModelOutput(logits, ("g", "s"), {})
    wanted = torch.tensor([[0.6, 0.1, 0.1, 0.1, 0.1]])
    torch.testing.assert_close(output.distribution, wanted)


def test_half_precision_logits_give_distributions_in_float32():
    output = ModelOutput(torch.randn(1, 2, 5).bfloat16(), ("g",), {})
    assert output.distribution.dtype == torch.float32
    torch.testing.assert_close(output.distribution.sum(dim=1), torch.ones(2))
