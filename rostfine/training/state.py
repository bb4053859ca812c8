"""All that a fit is made of between two epochs, and how it goes to a checkpoint and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from rostfine.params import FitParams
from rostfine.parsing import parse, plain
from rostfine.training.checkpoint import Checkpoint
from rostfine.training.choosing import Best
from rostfine.training.epoch import Epoch
from rostfine.training.optim import make_optimizer, make_schedule
from rostfine.training.team import set_random_state


@dataclass
class FitState:
    """What changes while a model is fitted."""

    model: nn.Module
    optimizer: Optimizer
    schedule: LambdaLR
    scaler: GradScaler
    ema: AveragedModel | None
    generator: torch.Generator
    best: Best = field(default_factory=Best)
    history: list[Epoch] = field(default_factory=list)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    @property
    def offered(self) -> nn.Module:
        """The model as it would be kept now: with the running mean of its weights, if any."""
        return self.model if self.ema is None else self.ema.module


def start_state(
    model: nn.Module, params: FitParams, *, steps: int, generator: torch.Generator
) -> FitState:
    """Return the state before the first of epochs that have `steps` steps."""
    optimizer = make_optimizer(model, params)
    return FitState(
        model,
        optimizer,
        make_schedule(optimizer, params, steps),
        GradScaler(next(model.parameters()).device.type, enabled=params.precision == "fp16"),
        ema=None if params.ema is None else _running_mean(model, params.ema),
        generator=generator,
    )


def _running_mean(model: nn.Module, decay: float) -> AveragedModel:
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]


def to_checkpoint(state: FitState, random: list[dict[str, Tensor]]) -> Checkpoint:
    """Take down a state; `random` holds the random states of the team, by rank."""
    tensors = {f"model.{k}": v for k, v in state.model.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in state.best.weights.items()}
    if state.ema is not None:
        tensors |= {f"ema.{k}": v for k, v in state.ema.state_dict().items()}
    for number, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{k}": v for k, v in moments.items() if v is not None}
    for rank, states in enumerate(random):
        tensors |= {f"random.{rank}.{k}": v for k, v in states.items()}
    tensors["order"] = state.generator.get_state()
    schedule = {k: v for k, v in state.schedule.state_dict().items() if k != "lr_lambdas"}
    facts = {
        "schedule": schedule,
        "scaler": state.scaler.state_dict(),
        "best": {"loss": state.best.loss, "epoch": state.best.epoch} if state.best.weights else {},
        "history": [plain(epoch) for epoch in state.history],
    }
    here = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    return Checkpoint(len(state.history) - 1, here, facts)


def go_on_from(state: FitState, kept: Checkpoint, rank: int) -> None:
    """Bring a fresh state to where a checkpoint was taken."""
    facts = kept.facts
    state.model.load_state_dict(_under("model.", kept.tensors))
    if state.ema is not None:
        state.ema.load_state_dict(_under("ema.", kept.tensors))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _under("optimizer.", kept.tensors).items():
        number, key = name.split(".", 1)
        moments.setdefault(int(number), {})[key] = value
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    state.schedule.load_state_dict({**facts["schedule"], "lr_lambdas": [None] * len(groups)})
    for group, lr in zip(state.optimizer.param_groups, facts["schedule"]["_last_lr"], strict=True):
        group["lr"] = lr
    state.scaler.load_state_dict(facts["scaler"])
    state.history = [parse(Epoch, epoch) for epoch in facts["history"]]
    state.best = Best()
    if facts["best"]:
        weights = {k: v.to(state.device) for k, v in _under("best.", kept.tensors).items()}
        state.best = Best(**facts["best"], weights=weights)
    state.generator.set_state(kept.tensors["order"])
    set_random_state(_under(f"random.{rank}.", kept.tensors), state.device)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
