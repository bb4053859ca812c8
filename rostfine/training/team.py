"""The processes that train one fold together: they share each batch and add up its gradients."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

import torch
import torch.distributed as dist
from jaxtyping import Int64
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from rostfine.errors import TrainingError

T = TypeVar("T")

CPU: Final = torch.device("cpu")
PATIENCE: Final = timedelta(days=1)


@dataclass(frozen=True)
class Team:
    """One process within its team, and the device on which it computes.

    `group` is the team's own process group, and None for a process that is alone.
    """

    device: torch.device = CPU
    rank: int = 0
    size: int = 1
    group: Any = None

    @property
    def leads(self) -> bool:
        """Whether this process is the one that evaluates, writes and tells."""
        return self.rank == 0

    def share_of(self, rows: Int64[Tensor, " row"]) -> Int64[Tensor, " own_row"]:
        """Return this process' part of a batch; it may be empty."""
        return rows[self.rank :: self.size]

    def wrap(self, model: nn.Module) -> nn.Module:
        """Let the backward pass of `model` end with the mean of the team's gradients."""
        if self.group is None:
            return model
        ids = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=ids, process_group=self.group)

    def add_up(self, values: Tensor) -> Tensor:
        """Return the sum of `values` over the team."""
        if self.group is not None:
            dist.all_reduce(values, group=self.group)
        return values

    def hear(self, said: T) -> T:
        """Return what the leader said; the others' argument is not read."""
        if self.group is None:
            return said
        box: list[Any] = [said]
        dist.broadcast_object_list(box, group=self.group, group_src=0)
        return box[0]  # type: ignore[no-any-return]

    def obey(self, act: Callable[[], None]) -> None:
        """Let the leader act; where it fails with a TrainingError, all of the team raise it."""
        said = ""
        if self.leads:
            try:
                act()
            except TrainingError as error:
                said = str(error)
        said = self.hear(said)
        if said:
            raise TrainingError(said)

    def collect(self, own: T) -> list[T]:
        """Return what each of the team has, by rank."""
        if self.group is None:
            return [own]
        held: list[Any] = [None] * self.size
        dist.all_gather_object(held, own, group=self.group)
        return held


def join_team(size: int, device: torch.device) -> Team:
    """Split the processes of the default group into teams of `size`; return this one's place.

    Every process has to call it. Processes that are left over would form a smaller team: there
    must be none.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)  # what teams say to each other goes by way of it
    if size == 1:
        return Team(device)
    rank, world = dist.get_rank(), dist.get_world_size()
    # A leader alone may look and save for long; who is lost is noticed by the connection.
    groups = [
        dist.new_group(list(range(first, first + size)), timeout=PATIENCE)
        for first in range(0, world, size)
    ]
    return Team(device, rank % size, size, groups[rank // size])


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Return the states of torch's own generators, by device type."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    """Go on with the random numbers where `random_state` was taken."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
