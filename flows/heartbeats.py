"""A run whose process was killed is found dead by the server; `python -m flows.heartbeats`."""

from datetime import timedelta
from typing import Final

from prefect.automations import AutomationCore, ChangeFlowRunState, EventTrigger, Posture
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events import ResourceSpecification

TAG: Final = "rostfine"
"""All deployments bear it; runs of others on the same server may beat more slowly."""
EVERY_S: Final = 30  # Prefect's shortest
DEAD_AFTER_S: Final = 3 * EVERY_S
FREQUENCY: Final = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
NAME: Final = f"Runs of rostfine without a heartbeat for {DEAD_AFTER_S} s have crashed"
BEAT: Final = "prefect.flow-run.heartbeat"
OVER: Final = ("Completed", "Failed", "Cancelled", "Crashed")


def find_dead_runs() -> None:
    """Have the server mark runs as crashed that are silent for too long; told once per server.

    One that is there stays: the server would forget which silent runs it is watching.
    """
    with get_client(sync_client=True) as client:
        if not client.read_automations_by_name(NAME):
            client.create_automation(_automation())


def _automation() -> AutomationCore:
    ends = {f"prefect.flow-run.{state}" for state in OVER}
    trigger = EventTrigger(
        after={BEAT},
        expect={BEAT, *ends},
        match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
        match_related=ResourceSpecification(
            {"prefect.resource.id": f"prefect.tag.{TAG}", "prefect.resource.role": "tag"}
        ),
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=DEAD_AFTER_S),
    )
    said = f"No heartbeat for {DEAD_AFTER_S} seconds: its process is gone."
    found_dead = ChangeFlowRunState(
        state=StateType.CRASHED, name="Crashed", message=said, force=False
    )
    return AutomationCore(name=NAME, trigger=trigger, actions=[found_dead])


if __name__ == "__main__":
    find_dead_runs()
