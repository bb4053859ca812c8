"""Train experiments fold by fold: `python -m flows.cross_validate [WORKSPACE] [EXPERIMENT ...]`."""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.alone import alone
from flows.dvc import is_up_to_date
from flows.stage import TRAINS, run_stage
from rostfine.errors import ParamsError
from rostfine.files import read_json
from rostfine.params import load_params

TABLE_KEY = "cross-validation"


@flow(name="cross-validate")
def cross_validate(workspace: Path = Path(), experiments: list[str] | None = None) -> State[Any]:
    """Bring the runs of experiments up to date, one after another; all of them if none is named.

    Raises ParamsError for an experiment that params.yaml does not list under cross_validate.
    """
    names = choose(workspace, experiments)
    done = list[str]()
    with alone(workspace, "cross-validate", get_run_logger().info):
        if not names or is_up_to_date(workspace, [f"{TRAINS}{name}" for name in names]):
            return Completed(name="Skipped", message="nothing new")
        try:
            # One by one, since DVC lets nobody else into a workspace while it runs.
            for name in names:
                run_stage(workspace, f"{TRAINS}{name}", upstream=True)
                done.append(name)
        finally:
            _show_metrics(workspace, done)
    return Completed(message=f"up to date: {', '.join(done)}")


def choose(workspace: Path, wanted: Sequence[str] | None) -> list[str]:
    """Return the experiments that are wanted, each once; all that are cross-validated for None.

    Raises ParamsError naming the known ones if one is not among them.
    """
    path = workspace / "params.yaml"
    known = load_params(path).cross_validate.experiments
    for name in wanted or ():
        if name not in known:
            raise ParamsError(
                f"{path}: cross_validate.experiments: wanted one of {', '.join(known)}, got {name}"
            )
    return list(dict.fromkeys(known if wanted is None else wanted))


def _show_metrics(workspace: Path, experiments: Iterable[str]) -> None:
    """Make a table of every metric, mean over folds, with a row per experiment."""
    rows = list[dict[str, Any]]()
    try:
        for name in experiments:
            metrics: Mapping[str, float] = read_json(workspace / "runs" / name / "metrics.json")
            rows.append({"experiment": name, **metrics})
        if rows:
            create_table_artifact(rows, key=TABLE_KEY, description="means over the folds")
    except Exception as error:  # what was trained is there all the same
        get_run_logger().warning(f"the table of metrics is not shown: {error!r}")


def main() -> None:
    """Run the flow as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", nargs="?", type=Path, default=Path())
    parser.add_argument("experiments", nargs="*", metavar="experiment")
    arguments = parser.parse_args()
    try:
        # Before Prefect starts, which takes ten seconds and tells of a failure at length.
        names = choose(arguments.workspace, arguments.experiments or None)
    except ParamsError as error:
        sys.exit(str(error))
    cross_validate(arguments.workspace, names)


if __name__ == "__main__":
    main()
