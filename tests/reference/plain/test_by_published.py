"""The plain implementation by the numbers of the published classes and functions."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from plain import accuracy, losses
from plain.rostfine import BRANCHES, Settings, branch, published_picture, rostfine
from plain.timesformer import timesformer

PUBLISHED = 1e-4
"""Tolerance of the published numbers, which are float32."""

FLAWS = {
    "asis_last1": {"attention_layers": 1, "token_order": True},
    "asis_last2": {"attention_layers": 2, "token_order": True},
    "fixed_last1": {"attention_layers": 1, "token_order": False},
    "fixed_last2": {"attention_layers": 2, "token_order": False},
}


def assert_close(ours, theirs, tolerance):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


def precise(named) -> dict[str, np.ndarray]:
    return {name: np.asarray(value, dtype=np.float64) for name, value in named.items()}


def ours_of(published) -> dict[str, np.ndarray]:
    """Weights of the published RoSTFine by the names of ours."""
    ours = {}
    for name, value in precise(published).items():
        for s_or_t in "st":
            name = name.replace(f"norm_{s_or_t}", f"fg{s_or_t}.norm")
            name = name.replace(f"mhsa_{s_or_t}", f"fg{s_or_t}.mhsa")
            name = name.replace(f"mlp_{s_or_t}", f"fg{s_or_t}.mlp")
        for g_s_or_t in BRANCHES:
            name = name.replace(f"head_{g_s_or_t}.", f"heads.{g_s_or_t}.linear.")
        ours[name.replace("model.model.", "encoder.")] = value
    return ours


@pytest.fixture
def plain_timesformer(weights):
    published = precise(weights("timesformer_small"))
    own = {k.replace("head.", "head.linear."): v for k, v in published.items() if "head." in k}
    own |= {f"encoder.{name}": value for name, value in published.items() if "head." not in name}
    return lambda clip: timesformer(np.asarray(clip, dtype=np.float64), own, heads=4)


def test_the_plain_timesformer_is_the_published_one_within_1e_4(plain_timesformer, arrays):
    known = arrays("timesformer_small")
    for sample, clip in enumerate(known["clip"]):
        encoding, features, logits = plain_timesformer(clip)
        assert_close(encoding.embedded, known["embedded"][sample], PUBLISHED)
        assert_close(encoding.block_out, known["block_out"][sample], PUBLISHED)
        assert_close(encoding.space, known["spatial_attn"][sample], PUBLISHED)
        assert_close(encoding.time, known["temporal_attn"][sample], PUBLISHED)
        assert_close(encoding.tokens, known["tokens"][sample], PUBLISHED)
        assert_close(features, known["features"][sample], PUBLISHED)
        assert_close(logits, known["logits"][sample], PUBLISHED)


@pytest.mark.parametrize("other", ["other_size", "two_frames", "nonsquare"])
def test_the_plain_timesformer_takes_other_sizes_as_published(plain_timesformer, arrays, other):
    known = arrays("timesformer_small")
    encoding, _, logits = plain_timesformer(known[f"clip_{other}"][0])
    assert_close(logits, known[f"logits_{other}"][0], PUBLISHED)
    if other == "other_size":
        assert_close(encoding.tokens, known["tokens_other_size"][0], PUBLISHED)


@pytest.mark.parametrize("flaws", FLAWS)
def test_the_plain_rostfine_is_the_published_one_within_1e_4(weights, arrays, flaws):
    own, known = ours_of(weights("rostfine_small")), arrays("rostfine_small")
    settings = Settings(4, 4, 3, bare_branches=True, **FLAWS[flaws])
    for sample, clip in enumerate(known["clip"]):
        result = rostfine(clip.astype(np.float64), own, settings)
        theirs = {
            name.removeprefix(f"{flaws}/"): value[sample]
            for name, value in known.items()
            if name.startswith(flaws) and value.shape[:1] == (3,)
        }
        assert_close(result.encoding.tokens, known["tokens"][sample], PUBLISHED)
        assert_close(result.encoding.space.swapaxes(0, 1), known["spatial_attn"][sample], PUBLISHED)
        assert_close(result.score, theirs["score"], PUBLISHED)
        assert result.selected.tolist() == theirs["indices"].tolist()
        assert_close(result.encoding.tokens[result.taken.ravel()], theirs["selected"], PUBLISHED)
        for name in BRANCHES:
            assert_close(result.features[name], theirs[f"v{name}"], PUBLISHED)
            assert_close(result.distributions[name], theirs[f"out_{name}"], PUBLISHED)
        assert_close(result.distribution, theirs["out"], PUBLISHED)
        picture = published_picture(result, own, settings)
        assert_close(picture, theirs["attn_map"], PUBLISHED)


def test_a_plain_bare_branch_is_the_published_one_within_1e_4(weights, arrays):
    own, known = ours_of(weights("rostfine_small")), arrays("rostfine_small")
    settings = Settings(4, 4, 3, bare_branches=True)
    for sample, tokens in enumerate(known["branch_in"]):
        out, maps = branch(tokens.astype(np.float64), own, "fgt", settings)
        assert_close(out, known["branch_t_out"][sample], PUBLISHED)
        for depth in range(2):
            assert_close(maps[depth], known[f"branch_t_attn{depth}"][sample], PUBLISHED)


@pytest.mark.parametrize("flaws", FLAWS)
def test_plain_losses_and_diversity_of_rostfine_are_the_published_ones(arrays, flaws):
    known = {
        name.removeprefix(f"{flaws}/"): value.astype(np.float64)
        for name, value in arrays("rostfine_small").items()
        if value.dtype.kind == "f"
    }
    label = known["label"]
    outs = {"vg": "out_g", "vs": "out_s", "vt": "out_t", "all": "out"}
    for name, out in outs.items():
        assert losses.mse(known[out], label) == pytest.approx(known[f"mse/{name}"], abs=1e-6)
        theirs = losses.js_published(label, known[out])
        assert theirs == pytest.approx(known[f"js/{name}"], abs=1e-6)
    features = [known["vg"], known["vs"], known["vt"]]
    for pair, name in (((0, 1), "div_gs"), ((0, 2), "div_gt"), ((1, 2), "div_st")):
        assert losses.diversity(features, [pair]) == pytest.approx(known[name], abs=1e-6)
    average = losses.diversity(features, [(0, 1), (0, 2), (1, 2)])
    assert average == pytest.approx(known["div_avg"], abs=1e-6)


@pytest.mark.parametrize("group", ["plain", "ties"])
def test_plain_losses_and_accuracies_are_the_published_ones(arrays, group):
    known = {
        name.removeprefix(f"{group}/"): value.astype(np.float64)
        for name, value in arrays("metrics_losses_data").items()
        if name.startswith(group)
    }
    predicted, label = known["pred"], known["label"]
    assert losses.mse(predicted, label) == pytest.approx(known["official_loss_mse"], abs=1e-6)
    assert losses.js(predicted, label) == pytest.approx(known["paper_js"], abs=1e-9)
    assert losses.emd(predicted, label) == pytest.approx(known["paper_emd"], abs=1e-9)
    training = losses.js_published(label, predicted)
    assert training == pytest.approx(known["official_loss_js"], abs=1e-6)
    evaluation = losses.js_published(predicted, label)
    assert evaluation == pytest.approx(known["official_js"], abs=1e-6)
    for rank, name in enumerate(("1st", "2nd", "3rd", "4th", "5th"), start=1):
        ours = accuracy.balanced_accuracy(predicted, label, rank, ascending=True)
        assert ours == pytest.approx(known[f"official_bacc_{name}"], abs=1e-9)
        if group == "plain":  # Without ties one order is the other reversed.
            ours = accuracy.balanced_accuracy(predicted, label, 6 - rank)
            assert ours == pytest.approx(known[f"official_bacc_{name}"], abs=1e-9)
