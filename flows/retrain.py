"""Run what is new, stage by stage: `python -m flows.retrain [WORKSPACE]`."""

import sys
from pathlib import Path
from typing import Any

from prefect import Task, flow, get_run_logger, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed

from flows.dvc import StageFailed, is_up_to_date, reproduce, stage_names


def may_pass_later(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    """Retry where a cluster or a server failed; bad input never passes the second time."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, StageFailed) and error.may_pass_later


@task(task_run_name="{stage}", retries=2, retry_delay_seconds=10, retry_condition_fn=may_pass_later)
def run_stage(workspace: Path, stage: str) -> None:
    """Bring one stage up to date."""
    reproduce(workspace, stage, get_run_logger().info)


@flow(name="retrain")
def retrain(workspace: Path = Path()) -> State[Any]:
    """Bring a workspace up to date, from new videos and votes to the registered model."""
    if is_up_to_date(workspace):
        return Completed(name="Skipped", message="nothing new")
    stages = stage_names(workspace)
    for stage in stages:
        run_stage(workspace, stage)
    return Completed(message=f"{len(stages)} stages are up to date")


if __name__ == "__main__":
    retrain(Path(sys.argv[1]) if len(sys.argv) > 1 else Path())
