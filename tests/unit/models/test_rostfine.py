import dataclasses

import pytest
import torch

from rostfine.errors import InputError
from rostfine.model_params import RoSTFineParams
from rostfine.models.branches import BareBranch, Branch
from rostfine.models.divided import take_patches
from rostfine.models.rostfine import (
    RoSTFine,
    attention_layers_of,
    select_patches,
    take_scrambled,
)
from rostfine.models.timesformer import SIZES, Encoder
from rostfine.variants import PAPER, PUBLISHED, named_variant

ROSTFINE = RoSTFineParams(
    "rostfine",
    "tiny",
    0.0,
    None,
    attention_layers=None,
    top_k=3,
    branch_depth=2,
    branch_heads=4,
    use_feat=("g", "s", "t"),
    aggregation="separate",
)


@pytest.fixture
def model() -> RoSTFine:
    torch.manual_seed(0)
    encoder = Encoder(SIZES["tiny"], frames=4, image_px=32, drop_path=0.0)
    model = RoSTFine(encoder, ROSTFINE, PAPER)
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
    torch.testing.assert_close(output.features["g"], encoded.cls, rtol=0, atol=1e-5)
    by_frame = [model.fgs(encoded.cls, chosen[:, frame]).feature for frame in range(4)]
    spatial = torch.stack(by_frame).mean(dim=0)
    torch.testing.assert_close(output.features["s"], spatial, rtol=0, atol=1e-5)
    temporal = model.fgt(encoded.cls, chosen.flatten(1, 2)).feature
    torch.testing.assert_close(output.features["t"], temporal, rtol=0, atol=1e-5)
    for row, branch in enumerate("gst"):
        logits = model.heads[branch](output.features[branch], None)
        torch.testing.assert_close(output.logits[row], logits, rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_branch_does_not_mind_the_order_of_the_patches():
    torch.manual_seed(0)
    branch = Branch(16, depth=3, heads=4)
    cls, tokens = torch.randn(2, 16), torch.randn(2, 5, 16)
    shuffled = tokens[:, [3, 1, 4, 0, 2]]
    plain = branch(cls, tokens).feature
    torch.testing.assert_close(plain, branch(cls, shuffled).feature, rtol=0, atol=1e-5)
    assert (plain - branch(cls, 2 * tokens).feature).abs().max() > 1e-2


@torch.no_grad()
def test_a_branch_is_6_blocks_of_attention_and_mlp_that_add_to_what_they_get():
    branch = Branch(16, depth=6, heads=4)
    for block in branch.blocks:
        torch.nn.init.zeros_(block.mhsa.proj.weight)
        torch.nn.init.zeros_(block.mhsa.proj.bias)
        torch.nn.init.zeros_(block.mlp.fc2.weight)
        torch.nn.init.constant_(block.mlp.fc2.bias, 0.5)
    cls = torch.randn(2, 16)
    torch.testing.assert_close(branch(cls, torch.randn(2, 5, 16)).feature, cls + 3)


def test_the_diversity_of_features_moves_both_branches_and_the_encoder(model):
    output = model(torch.randn(1, 3, 4, 32, 32))
    (output.features["s"] * output.features["t"]).sum().backward()
    for part in (model.fgs, model.fgt, model.encoder):
        assert all(weight.grad.abs().max() > 0 for weight in part.parameters())


def build(variant=PAPER, **changes) -> RoSTFine:
    torch.manual_seed(0)
    encoder = Encoder(SIZES["tiny"], frames=4, image_px=32, drop_path=0.0)
    return RoSTFine(encoder, dataclasses.replace(ROSTFINE, **changes), variant).eval()


@torch.no_grad()
def test_concat_and_sum_have_one_head_on_all_features():
    clip = torch.randn(2, 3, 4, 32, 32)
    for aggregation, inputs in (("concat", 3 * 64), ("sum", 64)):
        model = build(aggregation=aggregation)
        output = model(clip)
        assert output.branches == (aggregation,)
        assert model.heads[aggregation].linear.in_features == inputs
        assert set(output.features) == {"g", "s", "t"}
    joined = sum(output.features.values())
    logits = model.heads["sum"](joined, None)
    torch.testing.assert_close(output.logits[0], logits, rtol=0, atol=1e-5)


def test_only_the_features_in_use_are_built():
    model = build(use_feat=("t", "g"))
    assert model(torch.randn(1, 3, 4, 32, 32)).branches == ("g", "t")
    assert not hasattr(model, "fgs")
    assert set(model.heads) == {"g", "t"}


def test_the_layers_that_select_are_2_or_as_published_1_unless_params_say_it():
    assert attention_layers_of(ROSTFINE, PAPER) == 2
    assert attention_layers_of(ROSTFINE, PUBLISHED) == 1
    assert attention_layers_of(dataclasses.replace(ROSTFINE, attention_layers=3), PUBLISHED) == 3


def test_the_published_selection_takes_tokens_in_the_wrong_order():
    # 5 patches of 3 frames; the value of a token is its place in the patch-major sequence.
    patches = torch.arange(15.0).view(1, 5, 3, 1)
    selected = torch.tensor([[[4, 0], [1, 2], [3, 3]]])
    taken = take_scrambled(patches, selected)[0, :, :, 0]
    assert taken.tolist() == [[4, 0], [6, 7], [13, 13]]


def test_the_token_order_of_the_published_code_changes_what_the_branches_see():
    clip = torch.randn(1, 3, 4, 32, 32)
    paper, scrambled = build(), build(named_variant(["token_order"]))
    a, b = paper(clip), scrambled(clip)
    assert torch.equal(a.selected, b.selected)
    torch.testing.assert_close(a.features["g"], b.features["g"], rtol=0, atol=1e-5)
    assert (a.features["s"] - b.features["s"]).abs().max() > 1e-3


@torch.no_grad()
def test_a_bare_branch_forgets_what_it_is_given_when_attention_is_silent():
    branch = BareBranch(16, depth=6, heads=4)
    for mhsa in branch.mhsa:
        torch.nn.init.zeros_(mhsa.proj.weight)
        torch.nn.init.ones_(mhsa.proj.bias)
    given = [branch(torch.randn(2, 16), torch.randn(2, 5, 16)).feature for _ in range(2)]
    assert torch.equal(*given)


def test_speed_moves_the_prediction_and_must_be_given():
    encoder = Encoder(SIZES["tiny"], frames=4, image_px=32, drop_path=0.0)
    model, clip = RoSTFine(encoder, ROSTFINE, PAPER, with_speed=True), torch.randn(1, 3, 4, 32, 32)
    slow, fast = (model(clip, torch.tensor([v])).logits for v in (2.0, 90.0))
    assert ((slow - fast).abs().amax(dim=(1, 2)) > 1e-3).all()
    with pytest.raises(InputError, match="also takes the speed of the sperm, got none"):
        model(clip)


@pytest.mark.parametrize(
    ("depth", "variant", "wanted"),
    [
        # The published counts, without the head of 3,845 weights that its backbone never uses.
        (2, PUBLISHED, 133_082_900 - 3_845),
        (6, PUBLISHED, 151_963_412 - 3_845),
        (6, PAPER, 163_802_127),
    ],
)
def test_vit_b_has_the_published_number_of_parameters(depth, variant, wanted):
    params = dataclasses.replace(ROSTFINE, branch_depth=depth, branch_heads=8)
    with torch.device("meta"):
        encoder = Encoder(SIZES["vit_b"], frames=8, image_px=224, drop_path=0.1)
        model = RoSTFine(encoder, params, variant)
    assert sum(weight.numel() for weight in model.parameters()) == wanted
