"""What is served: every flow, its workspace preset; `flows.deploy` runs this as a process."""

import argparse
import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import Any, Final, cast

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments import run_deployment
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.types.entrypoint import EntrypointType
from tzlocal import get_localzone_name

from flows.heartbeats import TAG, find_dead_runs
from flows.watch import watch
from rostfine.errors import ParamsError
from rostfine.labels.ledger import has_new
from rostfine.params import RetrainParams, load_params

NAME: Final = "rostfine"
"""Of the deployments of a workspace, where none other is given."""
RETRAIN: Final = "retrain"
AT_WORK: Final = 2
"""Retrainings that new votes may start: one at work, and one that waits for it."""
ENTRYPOINTS: Final[Mapping[str, str]] = {
    "track": "flows.track.track",
    "collect-votes": "flows.collect_votes.collect_votes",
    "cross-validate": "flows.cross_validate.cross_validate",
    RETRAIN: "flows.retrain.retrain",
    "promote": "flows.promote.promote",
    "rollback": "flows.rollback.rollback",
    "visem": "flows.visem.visem",
    "morphology": "flows.morphology.morphology",
}
"""By the names of the flows, in the order of a lab's day; last those of the other two systems."""


def load_flow(entrypoint: str) -> Flow[Any, Any]:
    """Return the flow that `entrypoint`, a module and a name in it, stands for."""
    module, _, name = entrypoint.rpartition(".")
    found: Flow[Any, Any] = getattr(import_module(module), name)
    return found


def make_schedule(workspace: Path, params: RetrainParams) -> CronSchedule:
    """Return when retraining starts, in the time zone of this machine.

    Raises ParamsError if the cron of params.yaml is none.
    """
    try:
        return CronSchedule(cron=params.cron, timezone=get_localzone_name())
    except ValueError as error:
        raise ParamsError(
            f"{workspace / 'params.yaml'}: retrain.cron: wanted five fields as in "
            f"'0 2 * * *', got {params.cron!r}"
        ) from error


def make_deployments(workspace: Path, name: str = NAME) -> list[RunnerDeployment]:
    """Make a deployment of each flow for `workspace`; retraining has a schedule.

    Raises ParamsError if params.yaml is unusable.
    """
    workspace = workspace.resolve()
    schedule = make_schedule(workspace, load_params(workspace / "params.yaml").retrain)
    made = [
        load_flow(entrypoint).to_deployment(
            name,
            schedules=[schedule] if flow == RETRAIN else None,
            parameters={"workspace": str(workspace)},
            tags=[TAG],
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        for flow, entrypoint in ENTRYPOINTS.items()
    ]
    return cast(list[RunnerDeployment], made)  # coroutines only where one is awaited


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("name")
    arguments = parser.parse_args()
    logging.getLogger("flows").setLevel(logging.INFO)
    workspace = arguments.workspace.resolve()
    params = load_params(workspace / "params.yaml").retrain
    find_dead_runs()
    runner = Runner(limit=None)  # one that waits must not keep a rollback from starting
    for deployment in make_deployments(workspace, arguments.name):
        runner.add_deployment(deployment)
    watch(
        partial(has_new, workspace, params.settled_s),
        partial(_retrain, arguments.name),
        every_s=params.look_every_s,
        over=Event(),
    )
    asyncio.run(runner.start())


def _retrain(name: str) -> bool:
    """Start a retraining, unless one waits already for the one at work: it will see all files."""
    wanted = FlowRunFilter(
        state=FlowRunFilterState(
            type=FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING])
        )
    )
    deployment = DeploymentFilter(name=DeploymentFilterName(any_=[name]))
    with get_client(sync_client=True) as client:
        at_work = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[RETRAIN])),
            flow_run_filter=wanted,
            deployment_filter=deployment,
        )
    if len(at_work) >= AT_WORK:
        return False
    run_deployment(f"{RETRAIN}/{name}", timeout=0, as_subflow=False)
    return True


if __name__ == "__main__":
    main()
