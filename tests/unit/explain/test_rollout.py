from dataclasses import replace

import pytest
import torch

from rostfine.explain.rollout import Rollout, roll_back, rollout_of, selection_map
from rostfine.models.outputs import Maps, ModelOutput
from rostfine.models.rostfine import take_scrambled
from rostfine.variants import PAPER, PUBLISHED, Variant

BATCH, FRAMES, PATCHES = 2, 4, 9
TOKENS = 1 + FRAMES * PATCHES


def total(rollout: Rollout) -> torch.Tensor:
    return rollout.patches.sum(dim=(1, 2)) + rollout.cls


def one_hot(token: int) -> Rollout:
    """Token 0 is the class token, token 1 + frame * patches + patch a patch."""
    row = torch.zeros(BATCH, TOKENS, dtype=torch.float64)
    row[:, token] = 1
    return Rollout(row[:, 1:].view(BATCH, FRAMES, PATCHES), row[:, 0])


def dense_rollout(maps: Maps) -> torch.Tensor:
    """Return the rollout of all tokens as the paper writes it: a product of whole matrices."""
    rolled = torch.eye(TOKENS, dtype=torch.float64).expand(BATCH, -1, -1)
    for layer in range(maps.space.shape[1]):
        time = torch.zeros(BATCH, TOKENS, TOKENS, dtype=torch.float64)
        space = torch.zeros_like(time)
        time[:, 0, 0] = 1
        for p in range(PATCHES):
            of_tube = 1 + torch.arange(FRAMES) * PATCHES + p
            time[:, of_tube[:, None], of_tube] = maps.time[:, layer, p].mean(dim=1)
        for f in range(FRAMES):
            of_frame = torch.cat([torch.zeros(1), 1 + f * PATCHES + torch.arange(PATCHES)]).long()
            attention = maps.space[:, layer, f].mean(dim=1)
            space[:, 0, of_frame] += attention[:, 0] / FRAMES
            space[:, of_frame[1:, None], of_frame] = attention[:, 1:]
        unit = torch.eye(TOKENS, dtype=torch.float64)
        rolled = (unit + space) / 2 @ (unit + time) / 2 @ rolled
    return rolled


def test_the_rollout_of_every_token_is_its_row_of_the_product_of_whole_matrices(rostfine):
    wanted = dense_rollout(rostfine.maps)
    for token in range(TOKENS):
        found = roll_back(rostfine.maps, one_hot(token))
        row = torch.cat([found.cls[:, None], found.patches.flatten(1)], dim=1)
        torch.testing.assert_close(row, wanted[:, token])


def test_every_row_of_the_rollout_sums_to_1(output):
    for token in range(TOKENS):
        found = roll_back(output.maps, one_hot(token))
        torch.testing.assert_close(total(found), torch.ones(BATCH, dtype=torch.float64))
        assert found.patches.min() >= 0


@pytest.mark.parametrize("variant", [PAPER, PUBLISHED])
@pytest.mark.parametrize("branch", ["g", "s", "t", None])
def test_the_rollout_of_every_branch_sums_to_1(rostfine, branch, variant):
    found = rollout_of(rostfine, branch, variant=variant)
    torch.testing.assert_close(total(found), torch.ones(BATCH, dtype=torch.float64))


def test_the_global_feature_is_the_class_token(output):
    found = rollout_of(output, "g")
    torch.testing.assert_close(found.patches, roll_back(output.maps, one_hot(0)).patches)


@pytest.mark.parametrize("branches", [("g", "s", "t"), ("concat",), ("sum",)])
def test_a_prediction_is_the_mean_of_its_features(rostfine, branches):
    output = replace(rostfine, branches=branches, logits=torch.zeros(len(branches), BATCH, 5))
    wanted = [rollout_of(rostfine, name).patches for name in "gst"]
    torch.testing.assert_close(rollout_of(output).patches, torch.stack(wanted).mean(dim=0))


def without_encoder(output: ModelOutput) -> ModelOutput:
    """The same branches on tokens that no layer of the encoder has mixed."""
    assert output.maps is not None
    maps = replace(output.maps, time=output.maps.time[:, :0], space=output.maps.space[:, :0])
    return replace(output, maps=maps)


@pytest.mark.parametrize("branch", ["s", "t"])
def test_a_branch_alone_reaches_the_class_token_and_the_selected_patches_only(rostfine, branch):
    found = rollout_of(without_encoder(rostfine), branch)
    chosen = torch.zeros(BATCH, FRAMES, PATCHES).scatter(2, rostfine.selected, 1).bool()
    assert (found.patches[chosen] > 0).all()
    assert (found.patches[~chosen] == 0).all()
    assert (found.cls >= 0.25).all(), "two residuals of a half each"


def test_fgt_counts_its_tokens_frame_by_frame(rostfine):
    fgt = torch.zeros_like(rostfine.maps.fgt)
    fgt[..., 5] = 1  # the class token is 0; two are selected in each frame: the first of frame 2
    output = replace(rostfine, maps=replace(rostfine.maps, fgt=fgt))
    found = rollout_of(without_encoder(output), "t")
    wanted = torch.zeros(BATCH, FRAMES, PATCHES, dtype=torch.float64)
    wanted[torch.arange(BATCH), 2, rostfine.selected[:, 2, 0]] = 0.75
    torch.testing.assert_close(found.patches, wanted)


def test_a_branch_without_residuals_keeps_nothing_but_by_attention(rostfine):
    fgs = torch.zeros_like(rostfine.maps.fgs)
    fgs[..., 1] = 1
    output = without_encoder(replace(rostfine, maps=replace(rostfine.maps, fgs=fgs)))
    bare = rollout_of(output, "s", variant=Variant(bare_branches=True))
    torch.testing.assert_close(bare.cls, torch.zeros(BATCH, dtype=torch.float64))
    first = bare.patches.take_along_dim(rostfine.selected[..., :1], dim=2)
    torch.testing.assert_close(first, torch.full_like(first, 1 / FRAMES))


def test_in_the_published_token_order_heat_is_where_the_taken_tokens_are(rostfine):
    fgs = torch.zeros_like(rostfine.maps.fgs)
    fgs[..., 1:] = 0.5
    output = without_encoder(replace(rostfine, maps=replace(rostfine.maps, fgs=fgs)))
    found = rollout_of(output, "s", variant=Variant(token_order=True))
    tags = torch.arange(BATCH * PATCHES * FRAMES).view(BATCH, PATCHES, FRAMES, 1).double()
    taken = take_scrambled(tags, rostfine.selected).flatten().sort().values
    hot = tags[..., 0].transpose(1, 2)[found.patches > 0].sort().values
    torch.testing.assert_close(hot, taken)


def test_attention_to_oneself_leaves_all_on_the_class_token(output):
    def unit(maps):
        return torch.eye(maps.shape[-1], dtype=torch.float64).expand_as(maps)

    maps = Maps(time=unit(output.maps.time), space=unit(output.maps.space))
    found = rollout_of(replace(output, maps=maps), "g")
    torch.testing.assert_close(found.cls, torch.ones(BATCH, dtype=torch.float64))


def test_the_published_picture_of_rostfine_is_zero_but_at_selected_patches(rostfine):
    drawn = selection_map(rostfine)
    wanted = rostfine.maps.fgs[:, -1].sum(dim=2)[:, :, 0, 1:]
    torch.testing.assert_close(drawn.take_along_dim(rostfine.selected, dim=2), wanted)
    assert (drawn > 0).sum() == rostfine.selected.numel()


def test_the_published_picture_of_timesformer_is_the_last_class_row_summed_over_heads(rostfine):
    plain = replace(rostfine, maps=replace(rostfine.maps, fgs=None, fgt=None), selected=None)
    drawn = selection_map(plain)
    own = rostfine.maps.space[:, -1, :, :, 0, 0].sum(dim=2)
    torch.testing.assert_close(drawn.sum(dim=2) + own, torch.full_like(own, 2))


def test_an_output_without_maps_or_such_a_branch_is_refused(output):
    with pytest.raises(ValueError, match="maps=True"):
        rollout_of(replace(output, maps=None))
    with pytest.raises(ValueError, match="branch: wanted one of g"):
        rollout_of(output, "sum")
