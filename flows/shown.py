"""What the gate said, in Prefect's pages."""

import os
from pathlib import Path
from typing import Final

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from rostfine.evaluation.definitions import METRIC_NAMES
from rostfine.files import read_json
from rostfine.gate import Decision
from rostfine.registry import TRACKING_URI

TABLE: Final = "champion-challenger"
GATE: Final = "gate"
VERSION: Final = "mlflow-version"


def show_decision(workspace: Path, decision: Decision) -> None:
    """Show both models beside each other, every check, and where the report and MLflow are."""
    create_table_artifact(_beside(decision), key=TABLE, description=str(decision))
    # Browsers open no files from a server's page, so it is told where the report lies.
    page = (workspace / "reports" / "index.html").resolve()
    text = f"{_checks(decision)}\n\nReport: `{page}`\n"
    create_markdown_artifact(text, key=GATE, description=decision.verdict)
    server = os.environ.get(TRACKING_URI, "")
    if server.startswith("http"):
        link = f"{server}/#/models/{decision.name}/versions/{decision.challenger}"
        create_link_artifact(link, key=VERSION, link_text=f"{decision.name} {decision.challenger}")


def read_decision(workspace: Path) -> Decision | None:
    """Read what the gate of a workspace said last; None if it has said nothing yet."""
    path = workspace / "decision.json"
    return Decision.from_json(read_json(path)) if path.exists() else None


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
