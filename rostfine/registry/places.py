"""Where MLflow keeps files: folders of this machine, which may have moved, or behind a server."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import unquote, urlparse

from rostfine.errors import RegistryError
from rostfine.files import written_whole
from rostfine.registry.store import ARTIFACTS, Store, import_mlflow

KEPT: Final = "kept"
"""The folder among the artifacts of a version's run that holds what is kept with the version."""


def local_folder(store: Store, place: str) -> Path | None:
    """Return the folder that `place` (a URI) is on this machine; None if it is elsewhere."""
    if urlparse(place).scheme not in ("file", ""):
        return None
    folder = Path(unquote(urlparse(place).path))
    if not folder.exists() and store.database and ARTIFACTS in folder.parts:
        # MLflow keeps absolute paths; a workspace that was moved has its artifacts beside it still.
        inner = folder.parts[folder.parts.index(ARTIFACTS) :]
        folder = store.database.parent.joinpath(*inner)
    return folder


def fetch_folder(store: Store, place: str, scratch: Path) -> Path:
    """Return the folder of `place`: where it lies if that is on this machine, else a copy."""
    folder = local_folder(store, place)
    if folder is not None:
        return folder
    artifacts = import_mlflow("mlflow.artifacts")
    return Path(artifacts.download_artifacts(place, dst_path=str(scratch), tracking_uri=store.uri))


def keep_files(client: Any, store: Store, run_id: str, files: Mapping[str, Path]) -> None:
    """Keep files by their names (which may have folders) among the artifacts of a run.

    Raises RegistryError naming the first that is not there, before any is kept.
    """
    for name, path in files.items():
        if not path.is_file():
            raise RegistryError(f"{path}: no such file, wanted as {KEPT}/{name} of the version")
    if not files:
        return
    kept = local_folder(store, client.get_run(run_id).info.artifact_uri)
    if kept is not None:
        _copy(files, kept / KEPT)
        return
    with TemporaryDirectory(prefix="rostfine-") as made:
        _copy(files, Path(made))
        client.log_artifacts(run_id, made, KEPT)


def fetch_file(client: Any, store: Store, run_id: str, name: str, folder: Path) -> Path | None:
    """Copy what is kept as `name` to `folder`/`name`; None if nothing is."""
    kept = local_folder(store, client.get_run(run_id).info.artifact_uri)
    if kept is not None:
        found = kept / KEPT / name
        return _copy({name: found}, folder) if found.is_file() else None
    wanted = f"{KEPT}/{name}"
    above = wanted.rpartition("/")[0]
    if wanted not in {file.path for file in client.list_artifacts(run_id, above)}:
        return None
    with TemporaryDirectory(prefix="rostfine-") as made:
        return _copy({name: Path(client.download_artifacts(run_id, wanted, made))}, folder)


def _copy(files: Mapping[str, Path], folder: Path) -> Path:
    """Copy files to their names in `folder`, each whole or not at all; return the last."""
    for name, path in files.items():
        with written_whole(folder / name) as beside:
            shutil.copyfile(path, beside)
    return folder / name
