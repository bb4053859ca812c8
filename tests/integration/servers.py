"""Real servers, started by the commands of compose.yaml with addresses of this machine."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, chdir, contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import yaml

from flows.servers import Process, running

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PLACES = [*os.get_exec_path(), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
INITDB = shutil.which("initdb", path=os.pathsep.join(PLACES))
TOOLS = Path(INITDB).resolve().parent if INITDB else Path()
# PostgreSQL does not run as root.
AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
AS_POSTGRES = AS_POSTGRES if os.geteuid() == 0 else []
SECRETS = {
    name: f"secret-of-{name.lower()}"
    for name in (
        "POSTGRES_PASSWORD",
        "MLFLOW_DATABASE_PASSWORD",
        "PREFECT_DATABASE_PASSWORD",
        "MLFLOW_ADMIN_PASSWORD",
        "MLFLOW_SECRET_KEY",
        "PREFECT_PASSWORD",
        "RAY_AUTH_TOKEN",
    )
}
VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")


def read_compose(env: Mapping[str, str]) -> dict:
    """Read compose.yaml with the variables of `env`; KeyError if one is missing."""

    def fill(found: re.Match) -> str:
        name, kind, default = found.groups()
        return env.get(name) or (default if kind == "-" else env[name])

    def walk(node):
        if isinstance(node, dict):
            return {key: walk(value) for key, value in node.items()}
        if isinstance(node, list):
            return [walk(value) for value in node]
        return VARIABLE.sub(fill, node) if isinstance(node, str) else node

    return walk(yaml.safe_load((ROOT / "compose.yaml").read_text()))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


needs_postgres = pytest.mark.skipif(
    not INITDB, reason="no PostgreSQL server here; apt-get install postgresql brings one"
)


class Lab:
    """PostgreSQL, MLflow and Prefect, each by its service's command; start, stop, start again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._held, self._folders = folder, ExitStack(), ExitStack()
        self.services = read_compose({**SECRETS, "ROSTFINE_WORKSPACE": str(folder)})["services"]
        self.ports = {"mlflow": free_port(), "prefect": free_port()}
        self.mlflow = f"http://127.0.0.1:{self.ports['mlflow']}"
        self.prefect = f"http://127.0.0.1:{self.ports['prefect']}/api"
        self.postgres: Path | None = None
        self._servers: list[Process] = []
        (folder / "artifacts").mkdir()

    @property
    def clients(self) -> dict[str, str]:
        """The environment of the service `flows`, with the addresses of this machine."""
        theirs = dict(self.services["flows"]["environment"])
        for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
            theirs.pop(name)
        return {**theirs, "MLFLOW_TRACKING_URI": self.mlflow, "PREFECT_API_URL": self.prefect}

    def start(self) -> None:
        self._start_postgres()
        self._start("prefect")
        self._run("mlflow-tables")
        self._start("mlflow")
        self._wait_for("mlflow", "/health")
        self._wait_for("prefect", "/docs")

    def stop(self) -> None:
        self._held.close()
        self._servers.clear()

    def kill(self) -> None:
        """Kill MLflow's and Prefect's servers as they stand; PostgreSQL only stops."""
        for server in self._servers:
            os.killpg(server.pid, signal.SIGKILL)
        self.stop()

    def end(self) -> None:
        self.stop()
        self._folders.close()

    def _run(self, name: str) -> None:
        command, environment = self._command(name), {**os.environ, **self._environment(name)}
        done = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def _start_postgres(self) -> None:
        secret = self.services["postgres"]["environment"]["POSTGRES_PASSWORD"]
        is_new = not self.postgres
        if is_new:
            self.postgres = self._folders.enter_context(postgres_folder(secret))
        command = [*AS_POSTGRES, TOOLS / "postgres", "-D", self.postgres / "data"]
        options = ["-k", str(self.postgres), "-c", "listen_addresses=", "-c", "fsync=off"]
        log = self._held.enter_context((self.folder / "postgres.log").open("ab"))
        self._held.enter_context(running([*map(str, command), *options], None, log))
        self._wait(f"{TOOLS}/pg_isready --quiet --host {self.postgres}")
        if is_new:
            own = {"PGHOST": str(self.postgres), "PGPASSWORD": secret}
            environment = {**os.environ, **self.services["postgres"]["environment"], **own}
            subprocess.run(["sh", ROOT / "deploy" / "databases.sh"], env=environment, check=True)

    def _wait(self, command: str) -> None:
        give_up = time.monotonic() + 60
        while subprocess.run(command.split(), check=False).returncode:
            assert time.monotonic() < give_up, (self.folder / "postgres.log").read_text()
            time.sleep(0.2)

    def _environment(self, name: str) -> dict[str, str]:
        own = {
            "PGHOST": str(self.postgres),
            "PREFECT_HOME": str(self.folder / "home"),
            "PATH": f"{BIN}:{os.environ['PATH']}",
        }
        return {**self.services[name]["environment"], **own}

    def _command(self, name: str) -> list[str]:
        """The command of a service, on the loopback, a free port and a folder of the test's."""
        places = {
            "--host=0.0.0.0": "--host=127.0.0.1",
            "--port=5000": f"--port={self.ports['mlflow']}",
            "--port=4200": f"--port={self.ports['prefect']}",
            "--artifacts-destination=/artifacts": (
                f"--artifacts-destination={self.folder / 'artifacts'}"
            ),
        }
        command = [places.get(word, word) for word in self.services[name]["command"]]
        return [shutil.which(command[0], path=str(BIN)) or command[0], *command[1:]]

    def _start(self, name: str) -> None:
        """Start the server of a service where its command stands in the image."""
        log = self._held.enter_context((self.folder / f"{name}.log").open("ab"))
        with chdir(ROOT):
            server = running(self._command(name), self._environment(name), log)
            self._servers.append(self._held.enter_context(server))

    def _wait_for(self, name: str, health: str) -> None:
        give_up = time.monotonic() + 240
        while status_of(f"http://127.0.0.1:{self.ports[name]}{health}") != 200:
            assert time.monotonic() < give_up, (self.folder / f"{name}.log").read_text()
            time.sleep(0.2)


@contextmanager
def postgres_folder(secret: str):
    """A folder with a new cluster in `data`, which a password guards also on its socket."""
    # Not pytest's, which another user may not enter.
    with tempfile.TemporaryDirectory(prefix="rostfine-pg-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        (folder / "secret").write_text(secret)
        if AS_POSTGRES:
            for path in (folder, folder / "secret"):
                shutil.chown(path, "postgres", "postgres")
        options = ["--auth=scram-sha-256", f"--pwfile={folder / 'secret'}", "--username=postgres"]
        command = [*AS_POSTGRES, INITDB, "--no-sync", *options, f"--pgdata={folder / 'data'}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")
        yield folder


def status_of(url: str) -> int:
    """The status that a server answers with; 0 if there is none."""
    try:
        with urlopen(url, timeout=5) as answer:
            return answer.status
    except HTTPError as error:
        return error.code
    except OSError:
        return 0
