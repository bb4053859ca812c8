"""Semen videos to registered models: `python -m flows.visem [WORKSPACE]`."""

import argparse
from pathlib import Path
from typing import Any, Final

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.alone import alone
from flows.dvc import is_up_to_date, stage_names
from flows.stage import run_stage
from rostfine.files import read_json

PIPELINE: Final = "visem/dvc.yaml"


@flow(name="visem")
def visem(workspace: Path = Path()) -> State[Any]:
    """Check, read, train, compare and register what is new of the semen samples."""
    with alone(workspace, "visem", get_run_logger().info):
        stages = stage_names(workspace, PIPELINE)
        if is_up_to_date(workspace, stages):
            return Completed(name="Skipped", message="nothing new")
        for stage in stages:
            run_stage(workspace, stage)
    versions = read_json(workspace / "visem/registry.json")
    told = ", ".join(f"{one['name']} {one['version']}" for one in versions)
    return Completed(message=f"registered: {told}")


def main() -> None:
    """Run the flow as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", nargs="?", type=Path, default=Path())
    visem(parser.parse_args().workspace)


if __name__ == "__main__":
    main()
