import pytest
import torch

from rostfine.models.rostfine import Branch, RoSTFine, select_patches, take_patches
from rostfine.models.timesformer import SIZES, Encoder


@pytest.fixture
def model() -> RoSTFine:
    torch.manual_seed(0)
    encoder = Encoder(SIZES["tiny"], frames=4, image_px=32, drop_path=0.0)
    model = RoSTFine(encoder, attention_layers=2, top_k=3, branch_depth=2, branch_heads=4)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return model.eval()


def test_attention_of_the_layers_is_summed_and_the_most_comes_first():
    one = torch.tensor([[[0.5, 0.0, 0.3, 0.2], [0.1, 0.1, 0.1, 0.7]]])
    other = torch.tensor([[[0.0, 0.1, 0.4, 0.5], [0.6, 0.2, 0.1, 0.1]]])
    assert select_patches((one, other), 2).tolist() == [[[2, 3], [3, 0]]]
    assert select_patches((other,), 2).tolist() == [[[3, 2], [0, 1]]]


def test_the_tokens_taken_are_of_the_selected_patch_and_its_own_frame():
    # Each token's value tells its batch, patch and frame.
    batch, patch, frame = torch.meshgrid(
        torch.arange(2), torch.arange(5), torch.arange(3), indexing="ij"
    )
    patches = (100 * batch + 10 * patch + frame)[..., None].float()
    selected = torch.tensor([[[4, 0], [1, 2], [3, 3]], [[0, 1], [2, 3], [4, 0]]])
    taken = take_patches(patches, selected)[..., 0].tolist()
    assert taken[0] == [[40, 0], [11, 21], [32, 32]]
    assert taken[1] == [[100, 110], [121, 131], [142, 102]]


@torch.no_grad()
def test_the_three_features_come_from_the_class_token_each_frame_and_all_frames(model):
    clip = torch.randn(2, 3, 4, 32, 32)
    output = model(clip)
    encoded = model.encoder(clip, scored_layers=2)
    chosen = take_patches(encoded.patches, output.selected)
    assert output.branches == ("g", "s", "t")
    assert output.selected.shape == (2, 4, 3)
    assert torch.equal(output.features[0], encoded.cls)
    by_frame = [model.fgs(encoded.cls, chosen[:, frame]) for frame in range(4)]
    spatial = torch.stack(by_frame).mean(dim=0)
    torch.testing.assert_close(output.features[1], spatial, rtol=0, atol=1e-5)
    temporal = model.fgt(encoded.cls, chosen.flatten(1, 2))
    torch.testing.assert_close(output.features[2], temporal, rtol=0, atol=1e-5)
    for row, branch in enumerate("gst"):
        logits = model.heads[branch](output.features[row])
        torch.testing.assert_close(output.logits[row], logits, rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_branch_does_not_mind_the_order_of_the_patches():
    torch.manual_seed(0)
    branch = Branch(16, depth=3, heads=4)
    cls, tokens = torch.randn(2, 16), torch.randn(2, 5, 16)
    shuffled = tokens[:, [3, 1, 4, 0, 2]]
    torch.testing.assert_close(branch(cls, tokens), branch(cls, shuffled), rtol=0, atol=1e-5)
    assert (branch(cls, tokens) - branch(cls, 2 * tokens)).abs().max() > 1e-2


@torch.no_grad()
def test_a_branch_is_6_blocks_of_attention_and_mlp_that_add_to_what_they_get():
    branch = Branch(16, depth=6, heads=4)
    for block in branch.blocks:
        torch.nn.init.zeros_(block.mhsa.proj.weight)
        torch.nn.init.zeros_(block.mhsa.proj.bias)
        torch.nn.init.zeros_(block.mlp.fc2.weight)
        torch.nn.init.constant_(block.mlp.fc2.bias, 0.5)
    cls = torch.randn(2, 16)
    torch.testing.assert_close(branch(cls, torch.randn(2, 5, 16)), cls + 3)


def test_the_diversity_of_features_moves_both_branches_and_the_encoder(model):
    output = model(torch.randn(1, 3, 4, 32, 32))
    (output.features[1] * output.features[2]).sum().backward()
    for part in (model.fgs, model.fgt, model.encoder):
        assert all(weight.grad.abs().max() > 0 for weight in part.parameters())
