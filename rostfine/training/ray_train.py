"""The fits of an experiment, spread by Ray Train over the CPUs, GPUs and machines that there are.

Starting a trainer costs 20 s and more, so an experiment has one: its workers take the next fit when
theirs is done. Every machine of a cluster must see the workspace under the same path.
"""

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from rostfine.cluster import running_ray
from rostfine.errors import ClusterError, RostfineError, TrainingError
from rostfine.memory import keep_freed_memory
from rostfine.parsing import parse, plain
from rostfine.progress import Advance, silent
from rostfine.training.board import Board
from rostfine.training.data import TrainingData, load_training_data
from rostfine.training.folds import Fit, train_fold
from rostfine.training.loop import Epoch
from rostfine.training.saved import ModelSettings

POLL_S = 0.5
ENVIRONMENT = {
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # a process more to start, for clouds only
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",  # how soon a finished fit is noticed
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",  # the default of 60 fails on a busy machine
}
"""What Ray Train reads when it is imported; a setting of the user's own wins."""


@dataclass(frozen=True)
class Placement:
    """How many fits run at once, and what each may use."""

    workers: int
    cpus_per_worker: int
    use_gpu: bool


def train_fits(
    todo: Sequence[Fit],
    settings: ModelSettings,
    *,
    workspace: Path,
    run_folder: Path,
    max_at_once: int | None = None,
    advance: Advance = silent,
) -> None:
    """Do all fits of `todo`, each into its folder of `run_folder`; `advance` is called per epoch.

    A fit that fails does not stop the others.

    Raises TrainingError with a line for each that failed, once all are done.
    """
    workspace = workspace.resolve()
    with (
        running_ray(ENVIRONMENT) as ray,
        TemporaryDirectory(dir=workspace, prefix=".ray-") as storage,
    ):
        board = ray.remote(num_cpus=0)(Board).remote(len(todo))
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        placement = place(len(todo), nodes, max_at_once)
        config = {
            "board": board,
            "todo": list(todo),
            "settings": plain(settings),
            "workspace": str(workspace),
            "run_folder": str(run_folder.resolve()),
            "threads": placement.cpus_per_worker,
        }
        logging.getLogger("ray.train").setLevel(logging.ERROR)
        with _watched(ray, board, advance):
            _run(config, placement, storage)
        failures = ray.get(board.failures.remote())
    if failures:
        raise TrainingError.of_faults(failures)


def place(
    fits: int, nodes: Sequence[Mapping[str, float]], max_at_once: int | None = None
) -> Placement:
    """Share out the CPUs and GPUs of each node: a GPU to each worker where there are any."""
    use_gpu = any(node.get("GPU", 0) >= 1 for node in nodes)

    def room(cpus_per_worker: int) -> int:
        by_cpu = [int(node.get("CPU", 0)) // cpus_per_worker for node in nodes]
        by_gpu = [int(node.get("GPU", 0)) if use_gpu else fits for node in nodes]
        return sum(map(min, by_cpu, by_gpu))

    workers = max(1, min(fits, room(1), max_at_once or fits))
    most = max((int(node.get("CPU", 0)) for node in nodes), default=1)
    # A worker must fit on one node: a request that no node can meet would wait for ever.
    cpus = max((c for c in range(1, most + 1) if room(c) >= workers), default=1)
    return Placement(workers, cpus, use_gpu=use_gpu)


def _run(config: dict[str, Any], placement: Placement, storage: str) -> None:
    from ray.exceptions import RayError
    from ray.train import RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchTrainer

    trainer = TorchTrainer(
        _work,
        train_loop_config=config,
        scaling_config=ScalingConfig(
            num_workers=placement.workers,
            use_gpu=placement.use_gpu,
            resources_per_worker={"CPU": placement.cpus_per_worker},
        ),
        run_config=RunConfig(name="fits", storage_path=storage),
    )
    try:
        trainer.fit()
    except (TrainingFailedError, RayError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise ClusterError(f"Ray could not finish the training: {reason}") from error


def _work(config: dict[str, Any]) -> None:
    """What each worker does: take a fit, do it, take the next, until none is left."""
    import ray
    import ray.train

    board = config["board"]
    settings = parse(ModelSettings, config["settings"])
    torch.set_num_threads(config["threads"])
    keep_freed_memory()
    # As in a stage, relative paths start at the workspace.
    os.chdir(config["workspace"])
    try:
        data = load_training_data(Path(), settings.experiment.input.speed)
        while (number := ray.get(board.take.remote())) is not None:
            _do(config["todo"][number], data, settings, config["run_folder"], board)
    except RostfineError as error:
        ray.get(board.fail.remote(f"{settings.experiment_name}: {error}"))
    # Ray Train waits until every worker has reported equally often.
    ray.train.report({})


def _do(
    todo: Fit, data: TrainingData, settings: ModelSettings, run_folder: str, board: Any
) -> None:
    """Do one fit; tell the board of each epoch, or why the fit failed."""
    import ray

    def post(epoch: Epoch) -> None:
        news = f"{todo.folder} epoch {epoch.epoch + 1} loss {epoch.total:.4f}"
        # Waited for, so that nothing said is lost when the worker ends.
        ray.get(board.post.remote(news))

    try:
        train_fold(todo, data, settings, run_folder=Path(run_folder), on_epoch=post)
    except (RostfineError, RuntimeError) as error:  # torch tells of a full memory by RuntimeError
        line = f"{settings.experiment_name}, {todo.folder}: {error}"
        ray.get(board.fail.remote(line))


@contextmanager
def _watched(ray: Any, board: Any, advance: Advance) -> Iterator[None]:
    """Pass on what workers post, from a thread of its own, because the trainer blocks this one."""
    done = threading.Event()

    def watch() -> None:
        ended = False
        while not ended:
            ended = done.wait(POLL_S)
            for news in ray.get(board.take_posts.remote()):
                advance(1, news)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
