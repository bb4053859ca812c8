import dataclasses

import pytest
import torch
from torch import nn

from rostfine.params import FitParams
from rostfine.training.optim import make_optimizer, make_schedule

FIT = FitParams(
    optimizer="sgd",
    lr=0.1,
    momentum=0.9,
    weight_decay=0.01,
    schedule="constant",
    warmup_epochs=0.0,
    clip_norm=None,
    batch=4,
    epochs=10,
    accumulate=1,
    choose_epoch="last",
    validation=0.2,
    ema=None,
    augment=None,
    balance="none",
    freeze="none",
    precision="fp32",
    compile=False,
    checkpoint_activations=False,
    seed=0,
)


def rates(params, steps_per_epoch, steps):
    optimizer = make_optimizer(nn.Linear(2, 2), params)
    schedule = make_schedule(optimizer, params, steps_per_epoch)
    found = []
    for _ in range(steps):
        found.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return found


def test_a_constant_rate_stays():
    assert rates(FIT, 5, 50) == [0.1] * 50


def test_warm_up_climbs_to_the_rate_and_cosine_falls_to_zero():
    params = dataclasses.replace(FIT, schedule="cosine", warmup_epochs=1.0)
    found = rates(params, 4, 40)
    assert found[:4] == pytest.approx([0.025, 0.05, 0.075, 0.1])
    assert found[4] == pytest.approx(0.1)
    assert found[4 + 18] == pytest.approx(0.05)
    assert found[-1] < 0.001


def test_a_rate_falls_to_a_tenth_every_fifty_epochs():
    params = dataclasses.replace(FIT, schedule="tenth_per_50_epochs", epochs=101)
    found = rates(params, 2, 202)
    assert found[98:102] == pytest.approx([0.1, 0.1, 0.01, 0.01])
    assert found[-1] == pytest.approx(0.001)


def test_sgd_takes_the_step_of_the_papers_setting():
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 2.0)
    optimizer = make_optimizer(model, FIT)
    model(torch.ones(1, 1)).sum().backward()
    optimizer.step()
    # w - lr * (gradient + weight_decay * w) = 2 - 0.1 * (1 + 0.01 * 2)
    assert model.weight.item() == pytest.approx(1.898)


def test_adamw_decays_matrices_but_not_norms_biases_and_embeddings():
    model = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    model.pos_embed = nn.Parameter(torch.ones(1, 4, 3))
    groups = make_optimizer(model, dataclasses.replace(FIT, optimizer="adamw")).param_groups
    assert [(len(g["params"]), g["weight_decay"]) for g in groups] == [(1, 0.01), (4, 0.0)]
