"""Serve all flows of a workspace: `python -m flows.deploy [WORKSPACE]`, as `make serve-flows` does.

Runs start by Prefect's pages, by the schedule of params.yaml, and when new votes lie in
`data/votes`. Where no Prefect server is named (PREFECT_API_URL), one is run beside.
"""

import argparse
import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NoReturn

from prefect.settings import get_current_settings

from flows.deployments import NAME, make_schedule
from flows.heartbeats import EVERY_S, FREQUENCY
from flows.servers import PORT, TICK_S, Process, prefect_server, running
from rostfine.errors import ClusterError, RostfineError
from rostfine.params import load_params

API: Final = "PREFECT_API_URL"


def serve_flows(workspace: Path, name: str, port: int) -> NoReturn:
    """Serve until a signal comes, and leave no process behind.

    Serving is a process of its own, because it may hang when its server is gone.

    Raises ClusterError if it, or the server that was started for it, ends by itself.
    """
    with ExitStack() as held:
        ends = dict[str, Process]()
        url = get_current_settings().api.url
        if not url:
            _say("starts a Prefect server, which takes a while")
            url, ends["Prefect's server"] = held.enter_context(prefect_server(workspace, port))
        environment = {FREQUENCY: str(EVERY_S), **os.environ, API: url}
        command = [sys.executable, "-m", "flows.deployments", str(workspace), name]
        ends["flows.deployments"] = held.enter_context(running(command, environment))
        _say(f"serves the flows of {workspace.resolve()}: {url.removesuffix('/api')}")
        _wait(ends)


def _wait(ends: dict[str, Process]) -> NoReturn:
    while True:
        for what, process in ends.items():
            if process.poll() is not None:
                raise ClusterError(f"{what} ended by itself with code {process.returncode}")
        time.sleep(TICK_S)


def _end(*_: object) -> NoReturn:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(0)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main() -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", nargs="?", type=Path, default=Path())
    parser.add_argument("--name", default=NAME, help="Of its deployments, if a server has several.")
    parser.add_argument("--port", type=int, default=PORT, help="Of the server that is started.")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    try:
        workspace = arguments.workspace
        make_schedule(workspace, load_params(workspace / "params.yaml").retrain)
        serve_flows(workspace, arguments.name, arguments.port)
    except RostfineError as error:
        _say(str(error))
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
