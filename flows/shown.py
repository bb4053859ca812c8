"""What the gate said, in Prefect's pages."""

import os
from pathlib import Path
from typing import Final

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from rostfine.evaluation.definitions import METRIC_NAMES
from rostfine.files import read_json
from rostfine.gate import Decision
from rostfine.registry import TRACKING_URI, find_version

TABLE: Final = "champion-challenger"
GATE: Final = "gate"
REPORT: Final = "report"
RUN: Final = "mlflow-run"


def show_decision(workspace: Path, decision: Decision) -> None:
    """Show both models beside each other, every check, the report and the run in MLflow."""
    create_table_artifact(_beside(decision), key=TABLE, description=str(decision))
    create_markdown_artifact(_checks(decision), key=GATE, description=decision.verdict)
    page = (workspace / "reports" / "index.html").resolve()
    create_link_artifact(page.as_uri(), key=REPORT, link_text=str(page))
    version = find_version(decision.name, decision.challenger, workspace)
    server = os.environ.get(TRACKING_URI, "")
    if version and server.startswith("http"):
        link = f"{server}/#/models/{decision.name}/versions/{decision.challenger}"
        create_link_artifact(link, key=RUN, link_text=f"{decision.name} {decision.challenger}")


def read_decision(workspace: Path) -> Decision:
    """Read what the gate of a workspace said last."""
    return Decision.from_json(read_json(workspace / "decision.json"))


def _beside(decision: Decision) -> list[dict[str, str]]:
    names = [
        metric for metric in METRIC_NAMES if any(metric in of for of in decision.metrics.values())
    ]
    return [
        {
            "metric": METRIC_NAMES[metric],
            **{model: f"{of[metric]:.4f}" for model, of in decision.metrics.items()},
        }
        for metric in names
    ]


def _checks(decision: Decision) -> str:
    rows = [
        f"| {'✓' if check.passed else '✗'} | {check.name} | {check.says} |"
        for check in decision.checks
    ]
    head = ["| | check | |", "|---|---|---|"]
    return "\n".join([f"**{decision}**", "", *head, *rows])
