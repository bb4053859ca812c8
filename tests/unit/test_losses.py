import math

import numpy as np
import pytest
import scipy
import torch
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from scipy.stats import wasserstein_distance

from rostfine.losses import LOSSES, diversity, losses_of, objective
from rostfine.models.outputs import ModelOutput
from rostfine.params import LossParams
from rostfine.variants import PAPER, PUBLISHED

ALL_A = [1.0, 0, 0, 0, 0]
ALL_E = [0.0, 0, 0, 0, 1]
EVEN = [0.2] * 5
C_OR_D = [0.0, 0, 0.5, 0.5, 0]


@pytest.mark.parametrize(
    ("name", "predicted", "wanted", "loss"),
    [
        ("mse", ALL_A, ALL_E, 2 / 5),
        ("mse", EVEN, ALL_A, (0.8**2 + 4 * 0.2**2) / 5),
        ("js", ALL_A, ALL_E, math.log(2)),
        ("js", C_OR_D, [0.0, 0, 1, 0, 0], math.log(4 / 3) * 3 / 4),
        ("emd", ALL_A, ALL_E, 4.0),
        ("emd", ALL_A, [0.0, 1, 0, 0, 0], 1.0),
        ("emd", EVEN, ALL_A, 0.8**2 + 0.6**2 + 0.4**2 + 0.2**2),
        ("ce", EVEN, ALL_A, math.log(5)),
        ("ce", C_OR_D, C_OR_D, math.log(2)),
    ],
)
def test_losses_worked_by_hand(name, predicted, wanted, loss):
    found = LOSSES[name](torch.tensor([predicted]), torch.tensor([wanted])).item()
    assert found == pytest.approx(loss, abs=1e-6)


def random_distributions(seed: int) -> torch.Tensor:
    drawn = np.random.default_rng(seed).dirichlet(np.ones(5), 20)
    return torch.from_numpy(drawn)


def test_js_is_the_square_of_scipy_s_distance_and_symmetric():
    first, second = random_distributions(0), random_distributions(1)
    theirs = (jensenshannon(first.numpy(), second.numpy(), axis=1) ** 2).mean()
    assert LOSSES["js"](first, second).item() == pytest.approx(theirs, abs=1e-12)
    assert LOSSES["js"](second, first).item() == pytest.approx(theirs, abs=1e-12)


def test_ce_is_scipy_s_relative_entropy_plus_the_entropy_of_the_label():
    predicted, wanted = random_distributions(0), random_distributions(1)
    apart = rel_entr(wanted.numpy(), predicted.numpy()).sum(axis=1)
    entropy = -(wanted * wanted.log()).sum(dim=1).numpy()
    theirs = (apart + entropy).mean()
    assert LOSSES["ce"](predicted, wanted).item() == pytest.approx(theirs, abs=1e-12)


def test_mse_and_ce_are_torch_s_own_of_the_same_logits():
    logits, wanted = torch.randn(20, 5, dtype=torch.float64), random_distributions(1)
    predicted = logits.softmax(dim=1)
    mse = torch.nn.functional.mse_loss(predicted, wanted)
    ce = torch.nn.functional.cross_entropy(logits, wanted)
    assert LOSSES["mse"](predicted, wanted).item() == pytest.approx(mse.item(), abs=1e-12)
    assert LOSSES["ce"](predicted, wanted).item() == pytest.approx(ce.item(), abs=1e-12)


def test_emd_is_the_squared_distance_of_cumulated_shares_and_of_one_hots_scipy_s_in_grades():
    first, second = (torch.eye(5, dtype=torch.float64)[rows] for rows in ([0, 1, 4], [3, 1, 2]))
    grades = np.arange(5)
    theirs = [
        wasserstein_distance(grades, grades, a, b) for a, b in zip(first, second, strict=True)
    ]
    found = [LOSSES["emd"](a[None], b[None]).item() for a, b in zip(first, second, strict=True)]
    assert found == pytest.approx(theirs) == [3, 0, 2]


def test_diversity_is_torch_s_absolute_cosine_of_each_pair():
    features = {name: torch.randn(6, 16, dtype=torch.float64) for name in "gst"}
    cosines = [
        torch.nn.functional.cosine_similarity(features[a], features[b]).abs().mean().item()
        for a, b in ("gs", "gt", "st")
    ]
    found = diversity(features, ["gs", "gt", "st"]).item()
    assert found == pytest.approx(np.mean(cosines), abs=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_of_a_batch_is_the_mean_of_its_clips(name):
    predicted, wanted = random_distributions(0), random_distributions(1)
    one_by_one = [LOSSES[name](predicted[i : i + 1], wanted[i : i + 1]).item() for i in range(20)]
    together = LOSSES[name](predicted, wanted).item()
    assert together == pytest.approx(np.mean(one_by_one), abs=1e-12)


@pytest.mark.parametrize("name", ["mse", "js", "emd"])
def test_distances_are_zero_of_equal_distributions_only(name):
    first, second = random_distributions(0), random_distributions(1)
    assert LOSSES[name](first, first).item() == pytest.approx(0, abs=1e-12)
    assert LOSSES[name](first, second).item() > 1e-3


@pytest.mark.parametrize("name", LOSSES)
def test_zeros_on_either_side_leave_loss_and_gradient_finite(name):
    # Logits so far apart that the softmax of most grades is exactly zero.
    logits = torch.tensor([[0.0, -500, -500, -500, 0], [0, 0, -500, -500, -500]])
    logits.requires_grad_()
    predicted = logits.softmax(dim=1)
    assert predicted[0, 1] == 0
    loss = LOSSES[name](predicted, torch.tensor([ALL_E, C_OR_D]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_finite_differences(name):
    torch.manual_seed(0)
    logits = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    wanted = random_distributions(1)[:3]
    assert torch.autograd.gradcheck(lambda x: LOSSES[name](x.softmax(dim=1), wanted), (logits,))


def test_diversity_is_1_of_parallel_or_opposite_and_0_of_orthogonal_features():
    first, across = torch.tensor([[3.0, 0]]), torch.tensor([[0.0, 2]])
    features = {"g": first, "s": 5 * first, "t": across}
    assert diversity(features, ["gs"]).item() == pytest.approx(1)
    assert diversity({"g": first, "s": -first}, ["gs"]).item() == pytest.approx(1)
    assert diversity(features, ["gt"]).item() == pytest.approx(0)
    assert diversity(features, ["gs", "gt", "st"]).item() == pytest.approx(1 / 3)
    assert diversity(features, ["gs", "st"]).item() == pytest.approx(1 / 2)


def test_diversity_takes_the_absolute_value_of_each_clip_before_the_mean():
    first = torch.tensor([[1.0, 0], [1, 0]])
    assert diversity({"g": first, "s": first * torch.tensor([[1.0], [-1]])}, ["gs"]).item() == 1


def test_diversity_without_pairs_is_0_and_of_zero_features_finite():
    assert diversity({"g": torch.randn(4, 3)}, []).item() == 0
    features = torch.zeros(2, 4, 3, requires_grad=True)
    diversity({"g": features[0], "s": features[1]}, ["gs"]).backward()
    assert torch.isfinite(features.grad).all()


def test_the_objective_is_the_mean_of_the_branches_plus_alpha_times_diversity():
    logits = torch.tensor([[[1.0, 0, 0, 0, 0]], [[0.0, 2, 0, 0, 0]], [[0.0, 0, 0, 0, 0]]]).log()
    rows = torch.tensor([[[1.0, 0]], [[1.0, 1]], [[0.0, 1]]])
    features = dict(zip("gst", rows, strict=True))
    output = ModelOutput(logits.clamp_min(-200), ("g", "s", "t"), features)
    params = LossParams("mse", 0.5, use_div=("gs", "gt", "st"))
    terms = objective(output, torch.tensor([ALL_A]), params)
    fits = [0.0, 2 / 5, (0.8**2 + 4 * 0.2**2) / 5]
    assert terms.fit_of_branch.tolist() == pytest.approx(fits)
    assert terms.fit.item() == pytest.approx(sum(fits) / 3)
    assert terms.diversity.item() == pytest.approx(2 * math.sqrt(0.5) / 3)
    assert terms.total.item() == pytest.approx(sum(fits) / 3 + math.sqrt(0.5) / 3)


def test_the_published_js_does_not_halve_its_first_term():
    predicted, wanted = (
        torch.tensor([[0.5, 0.3, 0.2, 0, 0]]),
        torch.tensor([[0.1, 0.2, 0.3, 0.4, 0]]),
    )
    predicted, wanted = (0.98 * x + 0.004 for x in (predicted, wanted))
    middle = (predicted + wanted) / 2

    def kl(given):
        return scipy.special.rel_entr(given.numpy(), middle.numpy()).sum()

    published = losses_of(PUBLISHED)["js"](predicted, wanted).item()
    assert published == pytest.approx(kl(wanted) + kl(predicted) / 2, abs=2e-4)
    assert losses_of(PAPER)["js"] is LOSSES["js"]
    assert published > 1.3 * LOSSES["js"](predicted, wanted).item()


def test_the_objective_takes_the_loss_of_the_variant():
    logits = torch.randn(1, 3, 5)
    output = ModelOutput(logits, ("g",), {})
    wanted = random_distributions(1)[:3].float()
    for variant in (PAPER, PUBLISHED):
        terms = objective(output, wanted, LossParams("js", 0.0, ()), variant)
        loss = losses_of(variant)["js"](logits[0].softmax(dim=1), wanted)
        assert terms.total.item() == pytest.approx(loss.item())
