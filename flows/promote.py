"""Make a version the champion by hand: `python -m flows.promote [WORKSPACE] [VERSION]`."""

import argparse
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from rostfine import registry
from rostfine.params import load_params


@flow(name="promote")
def promote(workspace: Path = Path(), version: int | None = None) -> State[Any]:
    """Make `version` the champion, whatever the gate said; the challenger if none is named."""
    name = load_params(workspace / "params.yaml").register.name
    done = registry.promote(name, version, workspace=workspace)
    return Completed(message=f"version {done.version} of {name} is champion")


def main() -> None:
    """Run the flow as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", nargs="?", type=Path, default=Path())
    parser.add_argument("version", nargs="?", type=int)
    arguments = parser.parse_args()
    promote(arguments.workspace, arguments.version)


if __name__ == "__main__":
    main()
