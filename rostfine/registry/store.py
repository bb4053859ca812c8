"""Where the registry is: a server that MLFLOW_TRACKING_URI names, or files of the workspace."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from rostfine.errors import RegistryDownError, RegistryError
from rostfine.workspace import find_workspace

TRACKING_URI: Final = "MLFLOW_TRACKING_URI"
DATABASE: Final = "mlflow.db"
ARTIFACTS: Final = "mlartifacts"
SQLITE: Final = "sqlite:///"
QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # The wait between tries doubles each time: 7 of them are minutes with nothing on the screen.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
}


@dataclass(frozen=True)
class Store:
    """An MLflow store; `database` is its file, or None if a server keeps it."""

    uri: str
    database: Path | None

    @property
    def artifact_location(self) -> str | None:
        """Where a new experiment puts its artifacts; None leaves that to the server."""
        return (self.database.parent / ARTIFACTS).as_uri() if self.database else None


def find_store(workspace: Path | None = None) -> Store:
    """Return the store that MLFLOW_TRACKING_URI names, else that of the workspace.

    Raises RegistryError if there is neither, or if the variable holds a relative path.
    """
    uri = os.environ.get(TRACKING_URI)
    if not uri:
        here = (workspace or Path()).resolve()
        folder = find_workspace(here)
        if folder is None:
            raise RegistryError(
                f"{here}: no workspace here or above (a folder with params.yaml and dvc.yaml); "
                f"go into one, or name a registry in {TRACKING_URI}"
            )
        database = folder / DATABASE
        return Store(f"{SQLITE}{database}", database)
    if not uri.startswith(SQLITE):
        return Store(uri, None)
    database = Path(uri.removeprefix(SQLITE))
    if not database.is_absolute():
        # MLflow would take it from the current folder, and make an empty registry there.
        raise RegistryError(f"{TRACKING_URI}: wanted an absolute path ({SQLITE}/...), got {uri!r}")
    return Store(uri, database)


def import_mlflow(name: str = "mlflow") -> Any:
    """Import MLflow or a module of it (5 s and more), without telemetry or chatter."""
    for variable, value in QUIET.items():
        os.environ.setdefault(variable, value)
    module = import_module(name)
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    # It says of each of the tries above that it failed.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    return module


def open_client(store: Store) -> Any:
    """Return an MlflowClient of `store`; the tables of a new database are made first."""
    mlflow = import_mlflow()
    if store.database and not store.database.exists():
        _create_database(store.database)
    return mlflow.MlflowClient(tracking_uri=store.uri, registry_uri=store.uri)


def open_experiment(client: Any, store: Store, name: str) -> str:
    """Return the id of the MLflow experiment `name`, which is made if there is none."""
    found = client.get_experiment_by_name(name)
    if found and store.database and found.artifact_location != store.artifact_location:
        # The workspace was moved or copied; MLflow would go on writing where it was before.
        client.rename_experiment(found.experiment_id, f"{name} (moved, {found.experiment_id})")
        found = None
    if found:
        return str(found.experiment_id)
    exceptions = import_mlflow("mlflow.exceptions")
    try:
        return str(client.create_experiment(name, artifact_location=store.artifact_location))
    except exceptions.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    # Another process made it meanwhile.
    return str(client.get_experiment_by_name(name).experiment_id)


@contextmanager
def answering(store: Store) -> Iterator[None]:
    """Turn whatever MLflow raises within into a RegistryDownError of one line."""
    try:
        yield
    except _failures() as error:
        said = " ".join(str(error).split())
        raise RegistryDownError(f"{store.uri}: the registry does not answer: {said}") from error


def _failures() -> tuple[type[Exception], ...]:
    exceptions = import_mlflow("mlflow.exceptions")
    # With a server there is no database here, and SQLAlchemy is half a second of imports.
    database = sys.modules.get("sqlalchemy.exc")
    ours = (database.SQLAlchemyError,) if database else ()
    return (exceptions.MlflowException, OSError, *ours)


def _create_database(path: Path) -> None:
    """Make the tables beside and link them into place: of several processes the first one wins.

    Two that make the tables of one database at once break each other.
    """
    utils = import_mlflow("mlflow.store.db.utils")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}-") as folder:
        beside = Path(folder) / path.name
        engine = utils.create_sqlalchemy_engine_with_retry(f"{SQLITE}{beside}")
        utils._initialize_tables(engine)
        engine.dispose()
        try:
            path.hardlink_to(beside)
        except FileExistsError:
            return
