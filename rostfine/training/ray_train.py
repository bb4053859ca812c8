"""Fits, spread by Ray Train over the CPUs, GPUs and machines that there are.

Starting a trainer costs 20 s and more, so all fits share one: its workers form a team for each fit
in flight, and a team takes the next fit when its own is done. Where a worker or a machine is
lost, a new trainer goes on from the checkpoints with what is left. Every machine of a cluster must
see the workspace under the same path.
"""

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any, Final

import torch

from rostfine.cluster import running_ray
from rostfine.errors import ClusterError, RostfineError, TrainingError
from rostfine.memory import keep_freed_memory
from rostfine.params import TrainingParams
from rostfine.training.board import Board
from rostfine.training.epoch import Epoch, StatusWatcher, Watchers
from rostfine.training.jobs import Loader, Task
from rostfine.training.placement import Placement, place
from rostfine.training.team import Team, join_team

logger = logging.getLogger(__name__)

POLL_S: Final = 0.5
ANSWER_S: Final = 120.0
"""How long it may take until a node answers or is known to be dead."""
PATIENCE: Final = 3
"""So many losses in a row without an epoch in between, and it is no use to begin again."""
ENVIRONMENT: Final = {
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # a process more to start, for clouds only
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",  # how soon a lost worker is noticed
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",  # the default of 60 fails on a busy machine
}
"""What Ray Train reads when it is imported; a setting of the user's own wins."""


def train_fits(
    tasks: Sequence[Task], training: TrainingParams, *, watcher: StatusWatcher | None = None
) -> None:
    """Do all fits of `tasks`, each into its folder of its job's work.

    A fit that fails does not stop the others. What is done already is not done again.

    Raises TrainingError with a line for each that failed, once all are done, and ClusterError if
    workers are lost again and again.
    """
    watcher = watcher or Watchers()
    failed: dict[str, str] = {}

    def left() -> list[Task]:
        return [task for task in tasks if task.name not in failed and not task.is_done]

    if not left():
        return
    with running_ray(ENVIRONMENT) as ray:
        logging.getLogger("ray.train").setLevel(logging.ERROR)
        losses = 0
        while todo := left():
            before = _epochs(todo)
            lost = _one_round(ray, todo, training, watcher, failed)
            if lost is None:
                break
            losses = 1 if _epochs(todo) > before else losses + 1
            if losses >= PATIENCE:
                raise lost
            logger.warning("%s; training goes on from the last finished epochs", lost)
            _await_losses(ray)
    if undone := left():
        names = ", ".join(task.label for task in undone)
        raise ClusterError(f"Ray ended, and {names} was not done; run it again")
    if failed:
        raise TrainingError.of_faults(list(failed.values()))


def _epochs(tasks: Sequence[Task]) -> int:
    """Count epochs and fits done, to tell whether there is progress."""
    return sum(task.job.work.epochs_done(task.fit) + 10**6 * task.is_done for task in tasks)


def _one_round(
    ray: Any,
    todo: Sequence[Task],
    training: TrainingParams,
    watcher: StatusWatcher,
    failed: dict[str, str],
) -> ClusterError | None:
    """Let one trainer do what is left; return what it ended of if it lost a worker."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    placement = place(len(todo), nodes, training)
    board = ray.remote(**_here(ray))(Board).remote([task.name for task in todo])
    config = {
        "board": board,
        "todo": list(todo),
        "per_fit": placement.per_fit,
        "threads": [task.job.work.threads(placement.cpus_per_worker) for task in todo],
    }
    lost = None
    with TemporaryDirectory(dir=todo[0].job.work.folder, prefix=".ray-") as storage:
        with _watched(ray, board, watcher):
            try:
                _run(config, placement, storage)
            except ClusterError as error:
                lost = error
        for number, line in ray.get(board.failures.remote()).items():
            failed[todo[number].name] = f"{todo[number].label}: {line}"
    return lost


def _await_losses(ray: Any) -> None:
    """Wait until every node that Ray takes for alive has answered, or is known to be dead.

    Ray may take half a minute to note it, and a trainer that counts on such a node never starts.
    """
    answer = ray.remote(num_cpus=0, max_retries=0)(_answer)
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    asked = [answer.options(**_only_on(node_id)).remote() for node_id in nodes]
    ray.wait(asked, num_returns=len(asked), timeout=ANSWER_S)


def _answer() -> bool:
    return True


def _here(ray: Any) -> dict[str, Any]:
    """Keep an actor beside this process, so that no other machine's loss is its own."""
    return {"num_cpus": 0, **_only_on(ray.get_runtime_context().get_node_id())}


def _only_on(node_id: str) -> dict[str, Any]:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node_id, soft=False)}


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
        raise ClusterError(f"Ray lost a worker: {reason}") from error


def _work(config: dict[str, Any]) -> None:
    """What each worker does: with its team take a fit, do it, take the next, until none is left."""
    import ray
    import ray.train
    from ray.train.torch import get_device

    todo: list[Task] = config["todo"]
    board = config["board"]
    keep_freed_memory()
    # As in a stage, relative paths start at the workspace.
    os.chdir(todo[0].job.workspace)
    team = join_team(config["per_fit"], get_device())
    loader = Loader(team, sharers=ray.train.get_context().get_local_world_size())

    def take() -> int | None:
        number: int | None = ray.get(board.take.remote()) if team.leads else None
        return team.hear(number)

    while (number := take()) is not None:
        torch.set_num_threads(config["threads"][number])
        data = loader.load(todo[number].job)
        if isinstance(data, str):
            ray.get(board.fail.remote(number, data))
        else:
            _do(todo[number], number, data, team, board)
    # Ray Train waits until every worker has reported equally often.
    ray.train.report({})


def _do(task: Task, number: int, data: Any, team: Team, board: Any) -> None:
    """Do one fit; tell the board of each epoch, or why the fit failed."""
    import ray

    def post(what: str, said: Any) -> None:
        # Waited for, so that nothing said is lost when the worker ends.
        if team.leads:
            ray.get(board.post.remote(what, number, said))

    def on_epoch(epoch: Epoch) -> None:
        post("epoch", epoch)

    begun = task.job.work.epochs_done(task.fit)
    post("went on" if begun else "training", f"after epoch {begun}" if begun else "")
    try:
        task.job.do(task.fit, data, on_epoch=on_epoch, team=team)
    except TrainingError as error:  # all of the team have met it
        ray.get(board.fail.remote(number, str(error)))
    except RuntimeError as error:
        # A full memory is this fit's own fault; a lost peer or device is not.
        if not _is_full_memory(error):
            raise
        ray.get(board.fail.remote(number, str(error)))
        _end_team(team)
    except Exception as error:
        ray.get(board.fail.remote(number, str(error) or type(error).__name__))
        if not isinstance(error, RostfineError):
            raise
        _end_team(team)
    else:
        post("done", "")


def _is_full_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _end_team(team: Team) -> None:
    """End with the team, the rest of which waits for this process within the fit."""
    if team.size > 1:
        raise RuntimeError("one of the team has failed")


@contextmanager
def _watched(ray: Any, board: Any, watcher: StatusWatcher) -> Iterator[None]:
    """Pass on what workers post, from a thread of its own, because the trainer blocks this one."""
    done = threading.Event()

    def watch() -> None:
        ended = False
        while not ended:
            ended = done.wait(POLL_S)
            for what, fit, said in ray.get(board.take_posts.remote()):
                try:
                    if isinstance(said, Epoch):
                        watcher.epoch(fit, said)
                    else:
                        watcher.status(fit, what, said)
                except Exception as error:  # who looks on is no reason to stop
                    logger.warning("%s: %s is not shown: %r", fit, what, error)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
