"""Train experiments fold by fold: `python -m flows.cross_validate [WORKSPACE] [EXPERIMENT ...]`."""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.dvc import is_up_to_date, may_pass_later, reproduce
from flows.fold_artifacts import FoldArtifacts
from rostfine.errors import ParamsError
from rostfine.files import read_json
from rostfine.params import load_params

TABLE_KEY = "cross-validation"


@task(
    task_run_name="{experiment}",
    retries=2,
    retry_delay_seconds=10,
    retry_condition_fn=may_pass_later,
)
def run_experiment(workspace: Path, experiment: str) -> None:
    """Bring the run of one experiment up to date, and what it is made from before it."""
    log = get_run_logger()
    with FoldArtifacts(workspace, experiment, log.warning):
        reproduce(workspace, _stage(experiment), log.info, upstream=True)


@flow(name="cross-validate")
def cross_validate(workspace: Path = Path(), experiments: list[str] | None = None) -> State[Any]:
    """Bring the runs of experiments up to date, one after another; all of them if none is named.

    Raises ParamsError for an experiment that params.yaml does not list under cross_validate.
    """
    names = choose(workspace, experiments)
    if not names or is_up_to_date(workspace, [_stage(name) for name in names]):
        return Completed(name="Skipped", message="nothing new")
    done = list[str]()
    try:
        # One by one, since DVC lets nobody else into a workspace while it runs.
        for name in names:
            run_experiment(workspace, name)
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


def _stage(experiment: str) -> str:
    return f"cross_validate@{experiment}"


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
