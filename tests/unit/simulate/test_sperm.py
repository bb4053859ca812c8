import dataclasses

import numpy as np
import pytest

from rostfine.simulate.sperm import TERMS, Traits, badness, draw_traits, quality

IDEAL = Traits(
    head_length_um=5.0,
    head_width_um=3.0,
    head_irregularity=0.0,
    vacuole_fraction=0.0,
    vacuole_count=1,
    neck_bend_rad=0.0,
    droplet_um=0.0,
    tail_length_um=19.0,
    beat_amplitude_um=2.6,
    beat_frequency_hz=6.0,
    speed_um_s=28.0,
)


@pytest.fixture(scope="module")
def population() -> tuple[np.ndarray, list[Traits]]:
    rng = np.random.default_rng(4)
    latent = rng.standard_normal(2000)
    return latent, [draw_traits(float(one), rng) for one in latent]


def test_every_badness_of_an_ideal_sperm_is_0():
    assert [badness(IDEAL, term) for term in TERMS] == pytest.approx([0] * 8)


@pytest.mark.parametrize(
    ("trait", "from_good_to_bad"),
    [
        ("head_width_um", [3.0, 3.4, 3.8, 4.4]),
        ("head_width_um", [3.0, 2.7, 2.3, 2.0]),
        ("head_irregularity", [0.0, 0.05, 0.1, 0.2]),
        ("vacuole_fraction", [0.0, 0.1, 0.2, 0.4]),
        ("neck_bend_rad", [0.0, 0.3, 0.7, 1.3]),
        ("droplet_um", [0.0, 1.0, 2.0, 3.5]),
        ("beat_amplitude_um", [2.6, 2.0, 1.0, 0.2]),
        ("beat_frequency_hz", [6.0, 4.0, 2.0, 1.0]),
        ("speed_um_s", [28.0, 20.0, 10.0, 2.0]),
    ],
)
def test_quality_falls_at_each_of_3_steps_of_a_trait(trait, from_good_to_bad):
    seen = [quality(dataclasses.replace(IDEAL, **{trait: value})) for value in from_good_to_bad]
    assert np.all(np.diff(seen) < -0.01)


def test_weights_sum_to_1_and_motion_has_30_percent():
    assert sum(term.weight for term in TERMS) == pytest.approx(1)
    assert sum(term.weight for term in TERMS if term.is_motion) == pytest.approx(0.3)


def test_traits_without_a_weight_leave_quality_alone():
    other = dataclasses.replace(IDEAL, tail_length_um=12.0, vacuole_count=3)
    assert quality(other) == quality(IDEAL)


def test_quality_of_2000_sperm_has_mean_0_and_sd_1(population):
    _, sperm = population
    seen = [quality(one) for one in sperm]
    assert np.mean(seen) == pytest.approx(0, abs=0.07)
    assert np.std(seen) == pytest.approx(1, abs=0.04)


def test_quality_follows_the_latent_number_but_not_blindly(population):
    latent, sperm = population
    correlation = np.corrcoef(latent, [quality(one) for one in sperm])[0, 1]
    assert 0.94 < correlation < 0.98


def test_every_badness_of_2000_sperm_is_uniform_from_0_to_1(population):
    _, sperm = population
    for term in TERMS:
        seen = [badness(one, term) for one in sperm]
        assert min(seen) >= -1e-9
        assert max(seen) <= 1 + 1e-9
        assert np.quantile(seen, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.04)


def test_7_of_10_heads_are_too_round(population):
    _, sperm = population
    share = np.mean([one.head_width_um / one.head_length_um > 0.6 for one in sperm])
    assert share == pytest.approx(0.7, abs=0.03)


@pytest.mark.parametrize("grades_from", ["shape", "motion"])
def test_experts_who_look_at_one_side_are_blind_to_the_other(grades_from):
    rng = np.random.default_rng(3)
    sperm = [draw_traits(float(rng.standard_normal()), rng, loading=0.2) for _ in range(2000)]
    seen = np.array([quality(one, grades_from, loading=0.2) for one in sperm])
    assert (abs(seen.mean()), abs(seen.std() - 1)) < (0.1, 0.1)
    for term in TERMS:
        weights = [badness(one, term) for one in sperm]
        together = np.corrcoef(seen, weights)[0, 1]
        if term.is_motion == (grades_from == "motion"):
            assert together < -0.25
        else:
            assert abs(together) < 0.15
