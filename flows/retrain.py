"""Run what is new, stage by stage: `python -m flows.retrain [WORKSPACE]`."""

import sys
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.dvc import is_up_to_date, may_pass_later, reproduce, stage_names


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
