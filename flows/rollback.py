"""Go back to the champion before this one: `python -m flows.rollback [WORKSPACE]`."""

import argparse
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from rostfine import registry
from rostfine.params import load_params


@flow(name="rollback")
def rollback(workspace: Path = Path()) -> State[Any]:
    """Make the version before it the champion again; each run goes one step further back."""
    name = load_params(workspace / "params.yaml").register.name
    done = registry.rollback(name, workspace=workspace)
    return Completed(message=f"version {done.version} of {name} is champion again")


def main() -> None:
    """Run the flow as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", nargs="?", type=Path, default=Path())
    rollback(parser.parse_args().workspace)


if __name__ == "__main__":
    main()
