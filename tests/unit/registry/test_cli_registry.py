import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from rostfine import cli_registry
from rostfine.errors import RegistryError
from rostfine.registry import RegisteredVersion

# MLflow and its migrations warn of their own affairs.
pytestmark = [
    pytest.mark.filterwarnings("ignore:::mlflow"),
    pytest.mark.filterwarnings("ignore:::alembic"),
]
app = typer.Typer()
for command in (cli_registry.versions, cli_registry.promote, cli_registry.rollback):
    app.command()(command)


def say(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    if done.exception:
        raise done.exception
    return done.stdout


def test_versions_are_shown_promoted_and_rolled_back(
    registered: tuple[Path, RegisteredVersion, RegisteredVersion],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("params.yaml", "dvc.yaml", "mlflow.db"):
        shutil.copy(registered[0] / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert say("promote", "1") == "rostfine: champion version 2 -> version 1\n"
    assert say("promote", "1") == "rostfine: version 1 is the champion already\n"
    heading, second, first = say("versions").splitlines()
    assert heading.split() == ["version", "aliases", "registered", "out", "of", "fold", "decision"]
    assert second.split()[:2] == ["2", "previous"]
    assert first.split()[:2] == ["1", "champion"]
    assert "promoted 20" in first
    assert [v["aliases"] for v in json.loads(say("versions", "--json"))] == [
        ["previous"],
        ["champion"],
    ]
    assert say("rollback") == "rostfine: champion version 1 -> version 2\n"
    with pytest.raises(RegistryError, match="nothing to roll back to"):
        say("rollback")
    assert say("versions", "--name", "x") == "x: no version is registered yet\n"
