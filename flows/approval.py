"""A person's word on a challenger that has passed the gate."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from prefect import get_run_logger
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from pydantic import Field

from rostfine.files import write_json
from rostfine.gate import PASSED, Decision
from rostfine.registry import CHALLENGER, CHAMPION, Version, find_version, keep_with, promote

SECONDS_BETWEEN_LOOKS = 5
ANSWER = "approval"
"""Tag of a version: what a person said of it."""


class Approval(RunInput):
    """May the challenger take the champion's place? Its numbers are among the run's artifacts."""

    approve: bool = Field(description="Whether the challenger becomes the champion.")
    by: str = Field(min_length=1, description="Who says so.")
    why: str = ""


def is_wanted(decision: Decision, workspace: Path) -> bool:
    """Tell whether the challenger has passed, and nobody has answered yet."""
    if decision.verdict != PASSED or decision.promotes:
        return False
    latest = find_version(decision.name, CHALLENGER, workspace)
    if latest is None or latest.version != decision.challenger:
        return False
    return ANSWER not in latest.tags


def ask(decision: Decision, workspace: Path, hours: float) -> str:
    """Pause the flow until a person answers in Prefect's pages, and do as they say.

    Returns what came of it, in a line. If nobody answers in time, Prefect marks the run as failed,
    and the next one asks again.
    """
    get_run_logger().info(
        "version %d has passed and waits for a person: Resume on this run's page asks for the "
        "answer, or 'rostfine promote %d' gives it",
        decision.challenger,
        decision.challenger,
    )
    answer = pause_flow_run(
        wait_for_input=Approval,
        timeout=max(1, round(hours * 3600)),
        poll_interval=SECONDS_BETWEEN_LOOKS,
        key=f"approval-{decision.challenger}",
    )
    assert answer is not None  # Prefect returns what was asked for
    return _obey(answer, decision, workspace)


def _obey(answer: Approval, decision: Decision, workspace: Path) -> str:
    number, name = decision.challenger, decision.name
    latest, champion = (find_version(name, it, workspace) for it in (CHALLENGER, CHAMPION))
    if latest is None or latest.version != number:
        return f"version {number} is no longer the challenger, nothing was promoted"
    if (champion.version if champion else None) != decision.champion:
        return f"version {number} was judged against another champion, nothing was promoted"
    _keep(answer, latest, workspace)
    if not answer.approve:
        return f"version {number} is refused by {answer.by}: {answer.why or 'no reason given'}"
    promote(name, number, workspace=workspace)
    return f"version {number} is champion, approved by {answer.by}"


def _keep(answer: Approval, version: Version, workspace: Path) -> None:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    said = {"approve": answer.approve, "by": answer.by, "why": answer.why, "at": at}
    tags = {ANSWER: f"{'approved' if answer.approve else 'refused'} by {answer.by}"}
    with TemporaryDirectory(prefix="rostfine-") as made:
        path = Path(made) / "approval.json"
        write_json(path, said)
        keep_with(version, f"decisions/{version.version}-approval.json", path, tags, workspace)
