"""Optimisers and learning-rate schedules."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from rostfine.params import FitParams


def make_optimizer(model: nn.Module, params: FitParams) -> Optimizer:
    """Make the optimiser that `params` name, over all weights of `model`."""
    return _OPTIMIZERS[params.optimizer](model, params)


def make_schedule(optimizer: Optimizer, params: FitParams, steps_per_epoch: int) -> LambdaLR:
    """Make the schedule of the learning rate, to be stepped after each batch."""
    warmup = round(params.warmup_epochs * steps_per_epoch)
    total = params.epochs * steps_per_epoch

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        done = (step - warmup) / max(total - warmup, 1)
        return _DECAYS[params.schedule](done, step // steps_per_epoch)

    return LambdaLR(optimizer, factor)


def _sgd(model: nn.Module, params: FitParams) -> Optimizer:
    return SGD(
        model.parameters(),
        lr=params.lr,
        momentum=params.momentum,
        weight_decay=params.weight_decay,
        fused=True,  # each weight is read and written once, on CPUs too
    )


def _adam(model: nn.Module, params: FitParams) -> Optimizer:
    """`momentum` is Adam's first beta; all weights are decayed through their gradient."""
    return Adam(
        model.parameters(),
        lr=params.lr,
        betas=(params.momentum, 0.999),
        weight_decay=params.weight_decay,
        fused=True,
    )


def _adamw(model: nn.Module, params: FitParams) -> Optimizer:
    """`momentum` is Adam's first beta; norms, biases and embeddings are not decayed."""
    matrices = [p for name, p in model.named_parameters() if _is_matrix(name, p)]
    others = [p for name, p in model.named_parameters() if not _is_matrix(name, p)]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    return AdamW(
        groups,
        lr=params.lr,
        betas=(params.momentum, 0.999),
        weight_decay=params.weight_decay,
        fused=True,
    )


def _is_matrix(name: str, parameter: nn.Parameter) -> bool:
    embedding = name.endswith(("cls_token", "pos_embed", "time_embed"))
    return parameter.ndim >= 2 and not embedding


_OPTIMIZERS: Mapping[str, Callable[[nn.Module, FitParams], Optimizer]] = {
    "sgd": _sgd,
    "adam": _adam,
    "adamw": _adamw,
}
_DECAYS: Mapping[str, Callable[[float, int], float]] = {
    "constant": lambda done, epoch: 1.0,
    "cosine": lambda done, epoch: 0.5 * (1 + math.cos(math.pi * done)),
    "tenth_per_50_epochs": lambda done, epoch: 0.1 ** (epoch // 50),
}
