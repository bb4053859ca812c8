import subprocess
import sys
from pathlib import Path

import pytest

from rostfine.errors import RegistryError
from rostfine.registry.store import _create_database, answering, find_store

# MLflow and its migrations warn of their own affairs.
pytestmark = [
    pytest.mark.filterwarnings("ignore:::mlflow"),
    pytest.mark.filterwarnings("ignore:::alembic"),
]


def test_the_store_of_a_workspace_has_absolute_paths_from_any_folder_in_it(workspace: Path) -> None:
    inner = workspace / "data" / "raw"
    inner.mkdir(parents=True)
    store = find_store(inner)
    assert store.uri == f"sqlite:///{workspace}/mlflow.db"
    assert store.artifact_location == f"file://{workspace}/mlartifacts"


def test_a_server_in_the_environment_wins_and_keeps_its_own_artifacts(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://lab:5000")
    store = find_store(workspace)
    assert (store.uri, store.database, store.artifact_location) == ("http://lab:5000", None, None)


def test_outside_of_a_workspace_the_message_says_what_one_is(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"a folder with params.yaml and dvc.yaml"):
        find_store(tmp_path)


def test_a_relative_database_in_the_environment_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    with pytest.raises(RegistryError, match="wanted an absolute path"):
        find_store()


def test_what_goes_wrong_in_the_registry_is_told_in_one_line(workspace: Path) -> None:
    with pytest.raises(RegistryError) as raised, answering(find_store(workspace)):
        raise OSError("disk\nfull")
    assert str(raised.value).endswith("study/mlflow.db: the registry does not answer: disk full")


def test_a_registry_that_another_process_made_meanwhile_is_kept(workspace: Path) -> None:
    theirs = workspace / "mlflow.db"
    theirs.write_bytes(b"theirs")
    _create_database(theirs)
    assert theirs.read_bytes() == b"theirs"
    assert len(list(workspace.iterdir())) == 3


CREATE = """
import sys
from pathlib import Path
from rostfine.registry.store import find_store, open_client
print(len(open_client(find_store(Path(sys.argv[1]))).search_experiments()))
"""


@pytest.mark.slow
def test_three_processes_at_once_make_one_registry(workspace: Path) -> None:
    command = [sys.executable, "-c", CREATE, str(workspace)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[0].strip() for process in started] == ["1", "1", "1"]
