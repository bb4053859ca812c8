"""A Prefect server of a workspace's own, and other processes that end with this one."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final
from urllib.error import URLError
from urllib.request import urlopen

from flows.groups import end_group
from rostfine.errors import ClusterError, InputError

HOST: Final = "127.0.0.1"
PORT: Final = 4200
STATE: Final = "prefect"
DATABASE: Final = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
PAGES: Final = {"PREFECT_SERVER_UI_API_URL": "/api"}
"""Where its pages look for it: else at a port that --port does not change."""
START_S: Final = 180
TICK_S: Final = 0.2
PR_SET_PDEATHSIG: Final = 1  # of prctl(2)
Process = subprocess.Popen[bytes]


@contextmanager
def running(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
) -> Iterator[Process]:
    """Run a process, in a group of its own, for the block; its group is ended with the block.

    On Linux it is told to end also when this process is killed.
    """
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        start_new_session=True,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )
    try:
        yield process
    finally:
        end_group(process.pid)
        process.wait()


@contextmanager
def prefect_server(workspace: Path, port: int = PORT) -> Iterator[tuple[str, Process]]:
    """Run a Prefect server on the loopback for the block; yields the URL of its API.

    What it knows is in the folder `prefect` of the workspace, with its log, unless
    PREFECT_SERVER_DATABASE_CONNECTION_URL names a database.

    Raises InputError if the port is taken, ClusterError if the server does not start.
    """
    _check_free(port)
    state = workspace.resolve() / STATE
    state.mkdir(exist_ok=True)
    environment = {DATABASE: f"sqlite+aiosqlite:///{state / 'prefect.db'}", **PAGES, **os.environ}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST]
    url = f"http://{HOST}:{port}/api"
    log = state / "server.log"
    with (
        log.open("wb") as output,
        running([*command, "--port", str(port)], environment, output) as server,
    ):
        _wait_until_ready(server, f"{url}/health", log)
        yield url, server


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise InputError(
                f"{HOST}:{port}: taken by another program; name another with --port, "
                "or the Prefect server that is there in PREFECT_API_URL"
            ) from error


def _wait_until_ready(server: Process, health: str, log: Path) -> None:
    give_up = time.monotonic() + START_S
    while time.monotonic() < give_up and server.poll() is None:
        try:
            with urlopen(health, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(TICK_S)
    raise ClusterError(f"Prefect's server did not start; {log} says why")
