"""The pipelines beside the main one, each a `dvc.yaml` in a folder of its own."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.alone import alone
from flows.dvc import is_up_to_date, stage_names
from flows.stage import run_stage
from rostfine.files import read_json


def run_pipeline(workspace: Path, name: str) -> State[Any]:
    """Run what is not up to date of `<name>/dvc.yaml`; its last stage registers models."""
    with alone(workspace, name, get_run_logger().info):
        stages = stage_names(workspace, f"{name}/dvc.yaml")
        if is_up_to_date(workspace, stages):
            return Completed(name="Skipped", message="nothing new")
        for stage in stages:
            run_stage(workspace, stage)
    versions = read_json(workspace / name / "registry.json")
    told = ", ".join(f"{one['name']} {one['version']}" for one in versions)
    return Completed(message=f"registered: {told}")


def run_as_said(flow: Callable[[Path], Any], description: str | None) -> None:
    """Run a flow in the workspace that the command line names."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("workspace", nargs="?", type=Path, default=Path())
    flow(parser.parse_args().workspace)
