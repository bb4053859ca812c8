"""How many fits run at once, with how many workers each, and what a worker may use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rostfine.errors import ClusterError, InputError
from rostfine.params import TrainingParams


@dataclass(frozen=True)
class Placement:
    """`at_once` fits of `per_fit` workers each; a GPU to each worker where they are used."""

    at_once: int
    per_fit: int
    cpus_per_worker: int
    use_gpu: bool

    @property
    def workers(self) -> int:
        """Count all workers."""
        return self.at_once * self.per_fit


def place(fits: int, nodes: Sequence[Mapping[str, float]], wanted: TrainingParams) -> Placement:
    """Share out the CPUs and GPUs of each node among as many fits as there is room for.

    Raises InputError if a GPU is asked for where none is, and ClusterError if there is not room
    for one fit, which more nodes may change.
    """
    gpus = sum(int(node.get("GPU", 0)) for node in nodes)
    if wanted.device == "gpu" and not gpus:
        raise InputError("params.yaml: training.device: wanted gpu, but Ray knows of none")
    use_gpu = gpus > 0 and wanted.device != "cpu"
    per_fit = wanted.workers_per_fold

    def room(cpus_per_worker: int) -> int:
        by_cpu = [int(node.get("CPU", 0)) // cpus_per_worker for node in nodes]
        by_gpu = [int(node.get("GPU", 0)) for node in nodes]
        return sum(map(min, by_cpu, by_gpu if use_gpu else by_cpu))

    if room(1) < per_fit:
        what = "GPUs" if use_gpu else "CPUs"
        raise ClusterError(
            f"params.yaml: training.workers_per_fold: wanted room for {per_fit} workers, "
            f"got {what} for {room(1)}"
        )
    at_once = min(fits, room(1) // per_fit, wanted.folds_at_once or fits)
    most = max(int(node.get("CPU", 0)) for node in nodes)
    # A worker must fit on one node: a request that no node can meet would wait for ever.
    cpus = max(c for c in range(1, most + 1) if room(c) >= at_once * per_fit)
    return Placement(at_once, per_fit, cpus, use_gpu=use_gpu)
