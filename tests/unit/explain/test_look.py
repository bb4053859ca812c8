from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rostfine.evaluation.predict import predict
from rostfine.explain.look import look_at
from rostfine.models import build_experiment
from rostfine.params import ExperimentParams, load_params

ROOT = Path(__file__).parents[3]
EXPERIMENTS = load_params(ROOT / "params.small.yaml").experiments
CLIP = np.random.default_rng(0).integers(0, 256, (16, 150, 150, 3), dtype=np.uint8)


def build(experiment: ExperimentParams) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_experiment(experiment).eval()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_look_predicts_what_the_model_predicts_without_maps(name):
    experiment = EXPERIMENTS[name]
    model = build(experiment)
    look = look_at(CLIP, model, experiment)
    plain = predict(model, torch.tensor(CLIP)[None], experiment.input)[0]
    np.testing.assert_allclose(look.predicted, plain, atol=1e-6)


def test_a_look_is_the_same_twice_even_at_a_model_in_training():
    dropping = replace(EXPERIMENTS["rostfine"].model, drop_path=0.9)
    experiment = replace(EXPERIMENTS["rostfine"], model=dropping)
    model = build(experiment)
    first, second = (look_at(CLIP, model.train(), experiment) for _ in range(2))
    np.testing.assert_array_equal(first.heat, second.heat)
    np.testing.assert_array_equal(first.predicted, second.predicted)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_heat_and_class_token_are_a_whole(name):
    look = look_at(CLIP, build(EXPERIMENTS[name]), EXPERIMENTS[name])
    assert look.frame_numbers == (0, 5, 10, 15)
    assert len(look.heat) == 4
    assert look.heat.sum() + look.class_token == pytest.approx(1, abs=1e-5)
    assert (look.selected is None) == (name == "timesformer")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_published_variant_shows_its_last_attention(name):
    experiment = replace(EXPERIMENTS[name], variant="published")
    look = look_at(CLIP, build(experiment), experiment)
    assert look.method == "last attention"
    assert look.class_token is None


def test_speed_reaches_the_head():
    given = replace(EXPERIMENTS["rostfine"].input, speed="speed_um_s")
    experiment = replace(EXPERIMENTS["rostfine"], input=given)
    model = build(experiment)
    slow, fast = (look_at(CLIP, model, experiment, speed=v).predicted for v in (1.0, 90.0))
    assert not np.allclose(slow, fast)
