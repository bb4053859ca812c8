"""A file in each layout, made of the weights of a model of ours, must give them back."""

import re

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rostfine.errors import InputError
from rostfine.model_params import RoSTFineParams, TimeSformerParams
from rostfine.models import build_model
from rostfine.models.pretrained import load_pretrained
from rostfine.params import InputParams
from rostfine.variants import PAPER, PUBLISHED

INPUT = InputParams(frames=4, image_px=32, speed=None)
WITH_SPEED = InputParams(frames=4, image_px=32, speed="speed_px_s")
TIMESFORMER = TimeSformerParams("timesformer", "tiny", 0.0, None)
ROSTFINE = RoSTFineParams("rostfine", "tiny", 0.0, None, 2, 3, 2, 4, ("g", "s", "t"), "separate")

HUGGING_FACE = [
    (r"^encoder\.cls_token", "timesformer.embeddings.cls_token"),
    (r"^encoder\.pos_embed", "timesformer.embeddings.position_embeddings"),
    (r"^encoder\.time_embed", "timesformer.embeddings.time_embeddings"),
    (r"^encoder\.patch_embed\.proj", "timesformer.embeddings.patch_embeddings.projection"),
    (r"^encoder\.norm", "timesformer.layernorm"),
    (r"^encoder\.blocks", "timesformer.encoder.layer"),
    (r"temporal_norm1", "temporal_layernorm"),
    (r"temporal_attn\.qkv", "temporal_attention.attention.qkv"),
    (r"temporal_attn\.proj", "temporal_attention.output.dense"),
    (r"temporal_fc", "temporal_dense"),
    (r"\bnorm1", "layernorm_before"),
    (r"\battn\.qkv", "attention.attention.qkv"),
    (r"\battn\.proj", "attention.output.dense"),
    (r"norm2", "layernorm_after"),
    (r"mlp\.fc1", "intermediate.dense"),
    (r"mlp\.fc2", "output.dense"),
    (r"^head\.linear", "classifier"),
]
PUBLISHED_ROSTFINE = [
    (r"^encoder\.", "model.model."),
    (r"^fg([st])\.norm([12])", r"norm_\1\2"),
    (r"^fg([st])\.mhsa\.(\d+)", r"mhsa_\1.\2"),
    (r"^fg([st])\.mlp", r"mlp_\1"),
    (r"^heads\.([gst])\.linear", r"head_\1"),
]
OFFICIAL = [(r"^encoder\.", "model."), (r"^head\.linear", "model.head")]


def build(params=TIMESFORMER, *, variant=PAPER, input=INPUT) -> nn.Module:
    return build_model(params, input, variant)


def noise(model: nn.Module) -> dict[str, torch.Tensor]:
    """Weights for `model`, every one of them different."""
    generator = torch.Generator().manual_seed(0)
    return {k: torch.randn(v.shape, generator=generator) for k, v in model.state_dict().items()}


def named(weights, rules):
    renamed = {}
    for name, weight in weights.items():
        for pattern, theirs in rules:
            name = re.sub(pattern, theirs, name)
        renamed[name] = weight
    return renamed


def of(names, *starts):
    return {name for name in names if name.startswith(starts)}


@pytest.fixture
def load(tmp_path):
    """Save weights, load them into a model, and return the report."""

    def load(model, weights):
        save_file(weights, tmp_path / "weights.safetensors")
        return load_pretrained(model, tmp_path / "weights.safetensors")

    return load


def assert_holds(model, weights, names):
    state = model.state_dict()
    assert names
    for name in names:
        assert torch.equal(state[name], weights[name]), name


@pytest.mark.parametrize(
    ("rules", "layout"),
    [
        (OFFICIAL, "official TimeSformer or timm"),
        (HUGGING_FACE, "Hugging Face TimeSformer"),
        ([], "rostfine"),
    ],
)
def test_a_timesformer_in_each_layout_gives_every_weight_to_its_place(load, rules, layout):
    model = build()
    weights = noise(model)
    report = load(model, named(weights, rules))
    assert_holds(model, weights, weights)
    assert report.text == f"layout: {layout}\nloaded (69): encoder.*, head.linear"
    assert set(report.loaded) == weights.keys()
    assert report.resized + report.copied + report.fresh + report.ignored == ()


@pytest.mark.parametrize(
    ("rules", "head"), [(OFFICIAL, "head"), (HUGGING_FACE, "classifier"), ([], "head.linear")]
)
@pytest.mark.parametrize("params", [TIMESFORMER, ROSTFINE])
def test_a_head_of_400_classes_is_left_out_and_said_so(load, rules, head, params):
    weights = noise(build())
    other = {"head.linear.weight": torch.ones(400, 64), "head.linear.bias": torch.ones(400)}
    model = build(params)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    report = load(model, named(weights | other, rules))
    outside = {name for name in before if not name.startswith("encoder.")}
    assert set(report.ignored) == {f"{head}.weight", f"{head}.bias"}
    assert set(report.fresh) == outside
    assert_holds(model, before, outside)
    assert_holds(model, weights, of(before, "encoder."))


def test_a_hugging_face_encoder_without_classifier_has_names_without_prefix(load):
    model = build()
    weights = noise(model)
    bare = {
        name.removeprefix("timesformer."): weight
        for name, weight in named(weights, HUGGING_FACE).items()
        if not name.startswith("classifier")
    }
    report = load(model, bare)
    assert_holds(model, weights, of(weights, "encoder."))
    assert set(report.fresh) == {"head.linear.weight", "head.linear.bias"}


def test_a_hugging_face_image_transformer_is_refused_for_what_it_lacks(load):
    theirs = named(noise(build()), HUGGING_FACE)
    image = {
        name.removeprefix("timesformer.").replace("qkv", "query"): weight
        for name, weight in theirs.items()
        if "tempo" not in name
    }
    with pytest.raises(InputError, match=r"found none for encoder\.blocks\.0\.attn\.qkv\.weight"):
        load(build(), image)


def test_a_bare_encoder_of_ours_is_loaded_and_the_head_stays_fresh(load):
    model = build()
    weights = noise(model)
    bare = {
        name.removeprefix("encoder."): weight
        for name, weight in weights.items()
        if name.startswith("encoder.")
    }
    report = load(model, bare)
    assert_holds(model, weights, of(weights, "encoder."))
    assert set(report.fresh) == {"head.linear.weight", "head.linear.bias"}


@pytest.mark.parametrize("variant", [PAPER, PUBLISHED])
def test_a_whole_rostfine_of_ours_comes_back_as_it_was(load, variant):
    model = build(ROSTFINE, variant=variant)
    weights = noise(model)
    assert set(load(model, weights).loaded) == weights.keys()
    assert_holds(model, weights, weights)


def test_between_a_timesformer_and_a_rostfine_of_ours_the_encoder_goes_over(load):
    for source, target in [(TIMESFORMER, ROSTFINE), (ROSTFINE, TIMESFORMER)]:
        weights, model = noise(build(source)), build(target)
        report = load(model, weights)
        assert_holds(model, weights, of(weights, "encoder."))
        assert set(report.loaded) == of(weights, "encoder.")
        assert set(report.ignored) == weights.keys() - of(weights, "encoder.")


def test_a_head_that_also_takes_the_speed_starts_fresh_with_its_bias(load):
    model = build(input=WITH_SPEED)
    report = load(model, noise(build()))
    assert set(report.fresh) == {"head.linear.weight", "head.linear.bias"}
    assert report.ignored == ("head.linear.bias", "head.linear.weight")


UNUSED_HEAD = {
    "model.model.head.weight": torch.ones(5, 64),
    "model.model.head.bias": torch.ones(5),
}


def test_the_published_rostfine_fits_a_model_with_bare_branches_whole(load):
    model = build(ROSTFINE, variant=PUBLISHED)
    weights = noise(model)
    report = load(model, named(weights, PUBLISHED_ROSTFINE) | UNUSED_HEAD)
    assert_holds(model, weights, weights)
    assert report.layout == "published RoSTFine"
    assert report.fresh == ()
    assert set(report.ignored) == {"head.weight", "head.bias"}


def test_of_the_published_rostfine_the_paper_s_branches_take_nothing_and_say_so(load):
    weights = noise(build(ROSTFINE, variant=PUBLISHED))
    theirs = named(weights, PUBLISHED_ROSTFINE)
    model = build(ROSTFINE)
    report = load(model, theirs)
    assert_holds(model, weights, of(weights, "encoder.", "heads."))
    assert set(report.fresh) == of(model.state_dict(), "fgs.", "fgt.")
    assert set(report.ignored) == of(theirs, "norm_", "mhsa_", "mlp_")
    assert len(report.ignored) == 2 * 14


def test_of_the_published_rostfine_a_timesformer_takes_the_encoder_but_no_untrained_head(load):
    weights = noise(build(ROSTFINE, variant=PUBLISHED))
    model = build()
    report = load(model, named(weights, PUBLISHED_ROSTFINE) | UNUSED_HEAD)
    assert_holds(model, weights, of(weights, "encoder."))
    assert set(report.fresh) == {"head.linear.weight", "head.linear.bias"}


def image_transformer(**changes) -> nn.Module:
    timm = pytest.importorskip("timm")
    measures = {"img_size": 32, "patch_size": 8, "embed_dim": 64, "depth": 3, "num_heads": 2}
    torch.manual_seed(0)
    model = timm.create_model(
        "vit_tiny_patch16_224", pretrained=False, **measures | {"mlp_ratio": 2} | changes
    )
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return model.eval()


@torch.no_grad()
def test_an_image_transformer_of_timm_sees_in_one_frame_what_it_saw_in_an_image(load):
    theirs, model = image_transformer(), build().eval()
    report = load(model, theirs.state_dict())
    image = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    features = model.encoder(image[:, :, None]).cls
    torch.testing.assert_close(features, theirs.forward_features(image)[:, 0], rtol=0, atol=1e-4)
    assert len(report.copied) == 3 * 6
    assert set(report.ignored) == {"head.weight", "head.bias"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"class_token": False, "global_pool": "avg"},
            r"encoder.pos_embed: wanted \(1, 17, 64\), found \(1, 16, 64\)\n"
            r".*found none for encoder.cls_token",
        ),
        ({"patch_size": 16}, "patch_embed.proj.weight: wanted patches of 8 px, found 16 px$"),
        ({"depth": 2}, r"found none for encoder.blocks.2.norm1.weight, .* \(12\)$"),
        ({"depth": 4}, r"no place: encoder.blocks.3.attn.proj.bias, .* \(12\)$"),
        ({"embed_dim": 32}, r"encoder.cls_token: wanted \(1, 1, 64\), found \(1, 1, 32\)"),
        ({"init_values": 1.0}, r"no place: encoder.blocks.0.ls1.gamma"),
        ({"reg_tokens": 2}, "no place: encoder.reg_token"),
        ({"pre_norm": True}, "no place: encoder.norm_pre.bias"),
    ],
)
def test_an_image_transformer_that_is_built_otherwise_is_refused(load, changes, message):
    weights = image_transformer(**changes).state_dict()
    with pytest.raises(InputError, match=message):
        load(build(), weights)
