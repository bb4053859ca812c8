"""Work on many videos at once: on the CPUs of this machine, or of the cluster of RAY_ADDRESS.

Frames never leave the process that decodes them, and each process has one video at a time. Every
machine of a cluster must see the folder of the process that asks under the same path.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from rostfine.cluster import running_ray
from rostfine.errors import ClusterError

Item = TypeVar("Item")
Result = TypeVar("Result")

START_S: Final = 8.0
"""What Ray takes to start; to gain less by it is not worth it."""
QUEUED_PER_CPU: Final = 2
"""Tasks handed to Ray at a time: one at work and one that waits, so that no CPU is idle."""


def work_through(
    work: Callable[[Item], Result], items: Sequence[Item], *, at_once: int | None = None
) -> Iterator[tuple[Item, Result | ClusterError]]:
    """Do `work` for each item, and yield items with their results, in the order they come.

    This process begins by itself, and hands over what is left as soon as Ray would save time.
    `at_once` limits how many are done at a time: with 1 it is this process alone; None means as
    many as there are CPUs. Where a worker dies with an item, thrice, the result is a ClusterError.
    """
    left = deque(items)
    began = (time.monotonic(), time.process_time())
    while left and not _is_worth_ray(began, len(items), len(left), at_once):
        item = left.popleft()
        yield item, work(item)
    if left:
        yield from _by_ray(work, left, at_once)


def _is_worth_ray(began: tuple[float, float], items: int, left: int, at_once: int | None) -> bool:
    """Tell whether several processes would finish sooner, by what the items took until now."""
    cpus = at_once or (left if os.environ.get("RAY_ADDRESS") else os.cpu_count() or 1)
    done = items - left
    if cpus == 1 or not done:
        return False
    wall_s, cpu_s = time.monotonic() - began[0], time.process_time() - began[1]
    # This process uses more than one CPU itself, because it decodes ahead; waiting needs none.
    by_ray_s = max(cpu_s, wall_s) / min(cpus, left)
    return (wall_s - by_ray_s) / done * left > START_S


def _by_ray(
    work: Callable[[Item], Result], left: deque[Item], at_once: int | None
) -> Iterator[tuple[Item, Result | ClusterError]]:
    with running_ray() as ray:
        task, held = ray.remote(num_cpus=1, max_retries=2)(_do), ray.put(work)
        room = at_once or QUEUED_PER_CPU * int(ray.cluster_resources().get("CPU", 1))
        running: dict[Any, Item] = {}
        while left or running:
            while left and len(running) < room:
                item = left.popleft()
                running[task.remote(held, item, Path.cwd())] = item
            (done,), _ = ray.wait(list(running), num_returns=1)
            yield running.pop(done), _result(ray, done)


def _do(work: Callable[[Item], Result], item: Item, folder: Path) -> Result:
    # Relative paths start where those of the process do that asks.
    os.chdir(folder)
    return work(item)


def _result(ray: Any, done: Any) -> Any:
    try:
        return ray.get(done)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        return ClusterError(f"a process died while at work on it: {type(error).__name__}")
