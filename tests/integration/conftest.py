import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save_file

from flows.servers import prefect_server
from rostfine.models import build_experiment
from rostfine.params import load_params
from tests.integration.servers import free_port

WEIGHTS = Path("data/weights/start.safetensors")
BIN = Path(sys.executable).parent


class Workspace:
    """A folder in which commands are run as a person would type them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first_run = ""

    def run(self, *command: str, code: int | None = 0) -> str:
        """Run a command in the folder; return what it printed, after checking its exit code."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if code is not None:
            assert done.returncode == code, done.stdout
        else:
            assert done.returncode != 0, done.stdout
        return done.stdout

    def start(self, *command: str, said: Path) -> subprocess.Popen[bytes]:
        """Start a command in the folder; what it prints goes to `said`."""
        # No pipe: what it leaves behind would hold that open.
        with said.open("wb") as file:
            return subprocess.Popen(
                command, cwd=self.folder, env=environment(), stdout=file, stderr=file
            )

    def set_params(self, **changes: object) -> None:
        """Change values of params.yaml, named by dotted keys with `__` for the dots."""
        path = self.folder / "params.yaml"
        params = yaml.safe_load(path.read_text())
        for key, value in changes.items():
            *parents, last = key.split("__")
            section = params
            for parent in parents:
                section = section[parent]
            section[last] = value
        path.write_text(yaml.safe_dump(params, sort_keys=False))


def environment() -> dict[str, str]:
    """Return that of a person who has activated the virtual environment."""
    held = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    held.pop("PYTEST_CURRENT_TEST", None)
    return held


@pytest.fixture(scope="session")
def new_workspace(tmp_path_factory):
    """Make workspaces whose models train in seconds."""

    def make(name: str) -> Workspace:
        folder = tmp_path_factory.mktemp(name) / "study"
        Workspace(folder.parent).run("rostfine", "init", str(folder), "--preset", "small")
        workspace = Workspace(folder)
        workspace.set_params(
            cross_validate__experiments=["rostfine"],
            experiments__rostfine__fit__epochs=2,
            experiments__rostfine__model__pretrained=str(WEIGHTS),
            folds__k=2,
            compare__bootstrap=100,
            explain__experiments=["rostfine"],
            explain__samples=2,
            # Models of two epochs have nothing to show to a gate.
            gate__beat_zero_r=False,
            gate__margin=1.0,
            gate__grade_hi_fall=1.0,
            gate__bootstrap=100,
            retrain__settled_s=0,
            report__samples=3,
        )
        write_weights(folder)
        return workspace

    return make


def write_weights(workspace: Path) -> None:
    """Weights as of an image transformer with another head, for the experiment to start from."""
    experiment = load_params(workspace / "params.yaml").experiments["rostfine"]
    state = {
        name.removeprefix("encoder."): weight
        for name, weight in build_experiment(experiment).state_dict().items()
        if name.startswith("encoder.") and "temporal" not in name and "time_embed" not in name
    }
    save_file({**state, "head.weight": torch.zeros(1000, 64)}, workspace / WEIGHTS)


@pytest.fixture(scope="session")
def study(new_workspace):
    """A study of 6 patients that `dvc repro` has gone through once."""
    workspace = new_workspace("simulated")
    workspace.run("rostfine", "simulate", ".", "--patients", "6")
    workspace.run("rostfine", "votes", "collect")
    workspace.first_run = workspace.run("dvc", "repro")
    return workspace


@pytest.fixture(scope="module")
def prefect_api(tmp_path_factory):
    """A Prefect server for the flows of a module; yields the URL of its API."""
    folder = tmp_path_factory.mktemp("prefect_of_a_module")
    with prefect_server(folder, free_port()) as (url, _), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_API_URL", url)
        yield url
