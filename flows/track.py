"""Follow the tagged sperm of new videos: `python -m flows.track [WORKSPACE]`."""

import argparse
from pathlib import Path
from typing import Any, Final

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.alone import alone
from flows.dvc import is_up_to_date
from flows.stage import run_stage

STAGES: Final = ("cut_clips", "measure_motility", "measure_images", "review_tracks")


@flow(name="track")
def track(workspace: Path = Path()) -> State[Any]:
    """Cut the clips of new videos and tags, measure them, and show the worst on a page."""
    with alone(workspace, "track", get_run_logger().info):
        if is_up_to_date(workspace, STAGES):
            return Completed(name="Skipped", message="nothing new")
        for stage in STAGES:
            run_stage(workspace, stage)
    return Completed(message=f"up to date: {', '.join(STAGES)}")


def main() -> None:
    """Run the flow as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", nargs="?", type=Path, default=Path())
    track(parser.parse_args().workspace)


if __name__ == "__main__":
    main()
