"""Semen videos to registered models: `python -m flows.visem [WORKSPACE]`."""

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.beside import run_as_said, run_pipeline


@flow(name="visem")
def visem(workspace: Path = Path()) -> State[Any]:
    """Check, read, train, compare and register what is new of the semen samples."""
    return run_pipeline(workspace, "visem")


if __name__ == "__main__":
    run_as_said(visem, __doc__)
