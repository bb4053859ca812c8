import numpy as np
import pytest
from sklearn.decomposition import PCA

from rostfine.errors import InputError
from rostfine.evaluation.sufficiency import (
    half_width,
    principal_components,
    samples_needed,
    sufficiency,
)


def test_eq_8_gives_the_paper_s_0_065_of_0_82_and_615_samples() -> None:
    assert half_width(0.82, 615) == pytest.approx(0.065, abs=5e-4)


def test_the_samples_needed_are_the_least_that_keep_the_margin() -> None:
    needed = samples_needed(0.82, 0.05)
    assert half_width(0.82, needed) <= 0.05 < half_width(0.82, needed - 1)
    assert samples_needed(0.82, half_width(0.82, 615)) == 615
    assert samples_needed(0.0, 0.1) == 1
    with pytest.raises(InputError, match="margin above 0, got 0"):
        samples_needed(0.82, 0.0)


def test_principal_components_are_scikit_learn_s_up_to_their_sign() -> None:
    features = np.random.default_rng(0).normal(size=(50, 12)) @ np.diag(np.arange(1.0, 13))
    theirs = PCA(3).fit(features)
    coords, shares = principal_components(features.astype(np.float32), 3)
    np.testing.assert_allclose(shares, theirs.explained_variance_ratio_, rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.abs(coords), np.abs(theirs.transform(features)), atol=1e-4)


def test_the_sign_of_a_component_is_that_of_its_largest_loading() -> None:
    line = np.linspace(-1, 1, 9)[:, None] * np.array([[0.5, -3.0, 1.0]])
    coords, shares = principal_components(line, 1)
    assert shares == pytest.approx([1.0])
    np.testing.assert_allclose(coords[:, 0], -np.linspace(-1, 1, 9) * np.sqrt(10.25))


def test_the_logarithm_of_biased_pc1_starts_at_0_and_the_width_is_that_of_eq_8() -> None:
    log = np.random.default_rng(1).normal(3.15, 0.82, 615)
    found = sufficiency(np.exp(log) - 7, bias=7.0)
    np.testing.assert_allclose(found.log_pc1, log)
    assert (found.mean, found.sd) == pytest.approx((log.mean(), log.std(ddof=1)))
    assert found.half_width == pytest.approx(half_width(found.sd, 615))
    assert found.relative == pytest.approx(found.half_width / found.mean)
    assert sufficiency(np.array([-3.0, 0.0, 4.0])).log_pc1 == pytest.approx(np.log([1, 4, 8]))


def test_too_small_a_bias_and_samples_that_do_not_vary_are_refused() -> None:
    with pytest.raises(InputError, match="bias above 3, got 2"):
        sufficiency(np.array([-3.0, 1.0]), bias=2.0)
    with pytest.raises(InputError, match="4 samples do not vary"):
        principal_components(np.ones((4, 3)))
