"""A stage of the pipeline as a task, tried again only for what can pass the second time."""

import math
from contextlib import nullcontext
from pathlib import Path

from prefect import get_run_logger, task

from flows.dvc import may_pass_later, reproduce
from flows.fold_artifacts import FoldArtifacts

TRAINS = "cross_validate@"


@task(
    task_run_name="{stage}",
    retries=3,
    retry_delay_seconds=[10, 60, 300],
    retry_condition_fn=may_pass_later,
)
def run_stage(
    workspace: Path, stage: str, *, upstream: bool = False, until: float = math.inf
) -> None:
    """Bring one stage up to date, at the latest when the monotonic clock says `until`.

    If `upstream`, what it is made from is brought up to date before it.
    """
    log = get_run_logger()
    experiment = stage.removeprefix(TRAINS)
    shown = FoldArtifacts(workspace, experiment, log.warning) if experiment != stage else None
    with shown or nullcontext():
        reproduce(workspace, stage, log.info, upstream=upstream, until=until)
