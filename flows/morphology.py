"""Annotated heads to a registered model: `python -m flows.morphology [WORKSPACE]`."""

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.beside import run_as_said, run_pipeline


@flow(name="morphology")
def morphology(workspace: Path = Path()) -> State[Any]:
    """Check, train, evaluate and register what is new of the annotated heads."""
    return run_pipeline(workspace, "morphology")


if __name__ == "__main__":
    run_as_said(morphology, __doc__)
