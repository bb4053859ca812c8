"""Take in new batches of votes: `python -m flows.collect_votes [WORKSPACE] [--batch SOURCE]`."""

import argparse
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.alone import alone
from flows.dvc import may_pass_later
from rostfine.labels.batches import collect_batches
from rostfine.labels.collection import Collection
from rostfine.labels.incoming import bring_in
from rostfine.params import load_params

ARTIFACT = "votes"


@task(retries=3, retry_delay_seconds=[5, 30, 120], retry_condition_fn=may_pass_later)
def take_in(workspace: Path, batch: str | None) -> Collection:
    """Bring in `batch`, a path or URL, if there is one; then look at every file of data/votes.

    A batch with a bad row is set aside whole, and the others are taken.
    """
    log = get_run_logger()
    settled_s = load_params(workspace / "params.yaml").retrain.settled_s
    brought = [bring_in(workspace, batch).name] if batch else []
    found = collect_batches(workspace, settled_s=settled_s, whole=brought)
    log.info("%s", found)
    for one in found.rejected:
        log.warning("%s is set aside as %s: %s", one.name, one.kept_as, " | ".join(one.faults))
    try:
        create_table_artifact(_rows(found), key=ARTIFACT, description=str(found))
    except Exception as error:  # what was taken in is there all the same
        log.warning("the votes are not shown: %r", error)
    return found


def _rows(found: Collection) -> list[dict[str, str]]:
    accepted = [
        {
            "batch": batch.name,
            "became": "accepted",
            "votes": f"{batch.new_votes} new of {batch.votes}",
            "says": f"{len(batch.experts)} experts on {len(batch.samples)} samples",
        }
        for batch in found.accepted
    ]
    rejected = [
        {"batch": one.name, "became": "rejected", "votes": "none", "says": "\n".join(one.faults)}
        for one in found.rejected
    ]
    waiting = [
        {"batch": name, "became": "still arriving", "votes": "", "says": ""}
        for name in found.waiting
    ]
    return [*accepted, *rejected, *waiting] or [{"batch": "none is new", "became": ""}]


@flow(name="collect-votes")
def collect_votes(workspace: Path = Path(), batch: str | None = None) -> State[Any]:
    """Take in new batches of votes, and `batch`, a path or URL of one, first."""
    with alone(workspace, "collect-votes", get_run_logger().info):
        found = take_in(workspace, batch)
    name = "Rejected" if found.rejected else None if found.accepted else "Skipped"
    return Completed(name=name, message=str(found))


def main() -> None:
    """Run the flow as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", nargs="?", type=Path, default=Path())
    parser.add_argument("--batch", help="A path or URL of a batch.")
    arguments = parser.parse_args()
    collect_votes(arguments.workspace, arguments.batch)


if __name__ == "__main__":
    main()
