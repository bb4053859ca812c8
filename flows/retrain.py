"""New votes, videos or code to a judged model: `python -m flows.retrain [WORKSPACE]`."""

import argparse
import time
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.alone import alone
from flows.approval import ask, is_wanted
from flows.collect_votes import take_in
from flows.dvc import is_up_to_date, stage_names
from flows.shown import read_decision, show_decision
from flows.stage import run_stage
from rostfine.gate import Decision
from rostfine.params import RetrainParams, load_params


@flow(name="retrain")
def retrain(workspace: Path = Path(), batch: str | None = None) -> State[Any]:
    """Bring a workspace up to date, from new videos and votes to a model that the gate has judged.

    `batch` is a path or URL of votes to take in first. A champion is replaced only by a challenger
    that has passed; where params say so, a person is asked too.
    """
    params = load_params(workspace / "params.yaml")
    with alone(workspace, "retrain", get_run_logger().info):
        votes = take_in(workspace, batch)
        stages = [] if is_up_to_date(workspace) else _run_all(workspace, params.retrain)
        decision = read_decision(workspace)
        if stages and decision:
            _show(workspace, decision)
    said = [f"{len(stages)} stages are up to date" if stages else "nothing new", str(votes)]
    if stages and decision:
        said.append(str(decision))
    if decision and is_wanted(decision, workspace):
        # The workspace is free again: a person may take days to answer.
        said.append(ask(decision, workspace, params.gate.approval_hours))
    name = "Rejected" if votes.rejected else None if stages else "Skipped"
    return Completed(name=name, message="; ".join(said))


def _run_all(workspace: Path, params: RetrainParams) -> list[str]:
    until = time.monotonic() + params.hours_at_most * 3600
    stages = stage_names(workspace)
    for stage in stages:
        run_stage(workspace, stage, until=until)
    return stages


def _show(workspace: Path, decision: Decision) -> None:
    try:
        show_decision(workspace, decision)
    except Exception as error:  # what was decided holds all the same
        get_run_logger().warning(f"the decision is not shown: {error!r}")


def main() -> None:
    """Run the flow as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", nargs="?", type=Path, default=Path())
    parser.add_argument("--batch", help="A path or URL of votes to take in first.")
    arguments = parser.parse_args()
    retrain(arguments.workspace, arguments.batch)


if __name__ == "__main__":
    main()
