"""The versions of a registered model, and what is kept with each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rostfine.registry.places import fetch_file, keep_files
from rostfine.registry.store import Store, answering, find_store, import_mlflow, open_client

INVALID: Final = "INVALID_PARAMETER_VALUE"
ABSENT: Final = frozenset({"RESOURCE_DOES_NOT_EXIST", INVALID})
"""MLflow's codes for no such model or version, and for no such alias."""


@dataclass(frozen=True)
class Version:
    """One version of a registered model; `created_at` is ISO 8601, in UTC."""

    name: str
    version: int
    run_id: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    created_at: str


def find_version(name: str, wanted: int | str, workspace: Path | None = None) -> Version | None:
    """Return the version of a number or an alias; None if there is none.

    Raises RegistryError if the registry does not answer.
    """
    store = find_store(workspace)
    if is_new(store):
        return None
    with answering(store):
        return ask(open_client(store), name, wanted)


def list_versions(name: str, workspace: Path | None = None) -> list[Version]:
    """Return all versions, the newest first; none if there is no such model."""
    store = find_store(workspace)
    if is_new(store):
        return []
    with answering(store):
        return sorted(
            ask_all(open_client(store), name), key=lambda version: version.version, reverse=True
        )


def fetch_kept(
    version: Version, name: str, folder: Path, workspace: Path | None = None
) -> Path | None:
    """Copy what is kept with a version as `name` to `folder`/`name`; None if nothing is."""
    store = find_store(workspace)
    with answering(store):
        return fetch_file(open_client(store), store, version.run_id, name, folder)


def keep_with(
    version: Version,
    name: str,
    path: Path,
    tags: Mapping[str, str],
    workspace: Path | None = None,
) -> None:
    """Keep a file with a version as `name`, then give the version these tags."""
    store = find_store(workspace)
    with answering(store):
        client = open_client(store)
        keep_files(client, store, version.run_id, {name: path})
        for key, value in tags.items():
            client.set_model_version_tag(version.name, str(version.version), key, value)


def is_new(store: Store) -> bool:
    """Tell whether the store is a database that nobody has made yet."""
    return store.database is not None and not store.database.exists()


def ask(client: Any, name: str, wanted: int | str) -> Version | None:
    """Return the version of a number or an alias by one call; None if there is none."""
    exceptions = import_mlflow("mlflow.exceptions")
    try:
        if isinstance(wanted, int):
            return _read(client.get_model_version(name, str(wanted)))
        return _read(client.get_model_version_by_alias(name, wanted))
    except exceptions.MlflowException as error:
        # MLflow has this code for an alias that is not there, and for much else.
        is_other = error.error_code == INVALID and "alias" not in str(error).lower()
        if error.error_code not in ABSENT or is_other:
            raise
        return None


def ask_all(client: Any, name: str) -> Iterator[Version]:
    """Yield all versions of a model, in no order."""
    token = None
    while True:
        page = client.search_model_versions(f"name='{name}'", max_results=1000, page_token=token)
        # Whether a search tells of aliases depends on the store; the model always does.
        aliases = client.get_registered_model(name).aliases if page else {}
        for found in page:
            number = str(found.version)
            held = tuple(sorted(alias for alias, of in aliases.items() if str(of) == number))
            yield _read(found, held)
        token = page.token
        if not token:
            return


def _read(found: Any, aliases: tuple[str, ...] | None = None) -> Version:
    created = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC)
    return Version(
        name=found.name,
        version=int(found.version),
        run_id=str(found.run_id or ""),
        aliases=tuple(sorted(found.aliases)) if aliases is None else aliases,
        tags=dict(found.tags),
        created_at=created.isoformat(timespec="seconds"),
    )
