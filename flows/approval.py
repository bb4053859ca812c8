"""A person's word on a challenger that has passed the gate."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from pydantic import Field

from rostfine.files import write_json
from rostfine.gate import Decision
from rostfine.registry import CHALLENGER, find_version, keep_with, promote

SECONDS_BETWEEN_LOOKS = 5


class Approval(RunInput):
    """May the challenger take the champion's place? Its numbers are among the run's artifacts."""

    approve: bool = Field(description="Whether the challenger becomes the champion.")
    by: str = Field(description="Who says so.")
    why: str = ""


def ask(decision: Decision, workspace: Path, hours: float) -> str:
    """Pause the flow until a person answers in Prefect's pages, and do as they say.

    Returns what came of it, in a line.
    """
    try:
        answer = pause_flow_run(
            wait_for_input=Approval,
            timeout=max(1, round(hours * 3600)),
            poll_interval=SECONDS_BETWEEN_LOOKS,
            key=f"approval-{decision.challenger}",
        )
    except FlowPauseTimeout:
        return f"nobody answered within {hours:g} hours: version {decision.challenger} waits on"
    assert answer is not None  # Prefect returns what was asked for
    return _obey(answer, decision, workspace)


def _obey(answer: Approval, decision: Decision, workspace: Path) -> str:
    number, name = decision.challenger, decision.name
    latest = find_version(name, CHALLENGER, workspace)
    if latest is None or latest.version != number:
        return f"version {number} is no longer the challenger, nothing was promoted"
    with TemporaryDirectory(prefix="rostfine-") as made:
        path = Path(made) / "approval.json"
        said = {
            "approve": answer.approve,
            "by": answer.by,
            "why": answer.why,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        write_json(path, said)
        keep_with(latest, f"decisions/{number}-approval.json", path, {}, workspace)
    if not answer.approve:
        return f"version {number} is refused by {answer.by}: {answer.why or 'no reason given'}"
    promote(name, number, workspace=workspace)
    return f"version {number} is champion, approved by {answer.by}"
