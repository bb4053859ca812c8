"""Putting a trained model into the registry, with all that says where it came from."""

import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rostfine.errors import RegistryError
from rostfine.files import read_json
from rostfine.parsing import flatten, parse
from rostfine.registry.places import keep_files
from rostfine.registry.pyfunc_files import Form, grade_form, write_pyfunc
from rostfine.registry.store import (
    Store,
    answering,
    find_store,
    import_mlflow,
    open_client,
    open_experiment,
)
from rostfine.training.saved import SETTINGS, ModelSettings

MODEL_CARD: Final = "MODEL_CARD.md"
LONGEST_DESCRIPTION: Final = 5000
"""Characters that MLflow keeps; PostgreSQL refuses more."""

READY_WITHIN_S: Final = 300


@dataclass(frozen=True)
class Registration:
    """What is kept with a model: metrics by fold (step = fold), single metrics, tags, and files.

    Files are kept under `kept/` by their names; the text of MODEL_CARD.md also describes the
    version.
    """

    fold_metrics: Iterable[tuple[str, int, float]] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class RegisteredVersion:
    """A version of a registered model, and the alias that now points to it."""

    name: str
    version: str
    alias: str
    run_id: str


def register(
    folder: Path,
    name: str,
    *,
    alias: str,
    kept: Registration,
    workspace: Path | None = None,
    form: Form | None = None,
) -> RegisteredVersion:
    """Make the saved model of `folder` the next version of `name`, then move `alias` to it.

    `form` is that of its kind; None is a model of grade distributions.

    The alias moves last, when the version is ready: a failure leaves it where it was. Nothing is
    pickled: the version holds the folder's safetensors and JSON, and is loaded by this package.

    Raises RegistryError if there is no model in `folder`, or the registry does not answer.
    """
    if not (folder / SETTINGS).is_file():
        raise RegistryError(f"{folder}: no saved model here; run cross_validate first")
    settings = read_json(folder / SETTINGS)
    form = form or grade_form(parse(ModelSettings, settings))
    store = find_store(workspace)
    with answering(store):
        client = open_client(store)
        run_id = _start_run(client, store, name, settings["experiment_name"])
        try:
            _log(client, run_id, settings, kept)
            keep_files(client, store, run_id, kept.files)
            found = _add_version(client, run_id, folder, name, form)
            if MODEL_CARD in kept.files:
                card = kept.files[MODEL_CARD].read_text()
                client.update_model_version(name, found, card[:LONGEST_DESCRIPTION])
            client.set_registered_model_alias(name, alias, found)
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id, "FINISHED")
    return RegisteredVersion(name, found, alias, run_id)


def _start_run(client: Any, store: Store, name: str, experiment: str) -> str:
    experiment_id = open_experiment(client, store, name)
    return str(client.create_run(experiment_id, run_name=f"register {experiment}").info.run_id)


def _log(client: Any, run_id: str, settings: Mapping[str, Any], kept: Registration) -> None:
    entities = import_mlflow("mlflow.entities")
    now_ms = int(time.time() * 1000)
    tags = {
        "experiment": settings["experiment_name"],
        "trained_on": settings["trained_on"],
        "rostfine_version": version("rostfine"),
        **kept.tags,
    }
    metrics = [(key, 0, value) for key, value in kept.metrics.items()]
    client.log_batch(
        run_id,
        metrics=[
            entities.Metric(key, value, now_ms, step)
            for key, step, value in [*kept.fold_metrics, *metrics]
        ],
        params=[entities.Param(key, value) for key, value in flatten(settings).items()],
        tags=[entities.RunTag(key, value) for key, value in tags.items()],
    )


def _add_version(client: Any, run_id: str, folder: Path, name: str, form: Form) -> str:
    run = client.get_run(run_id)
    own_tags = {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")}
    model = client.create_logged_model(run.info.experiment_id, name=name, source_run_id=run_id)
    with tempfile.TemporaryDirectory(prefix="rostfine-") as made:
        write_pyfunc(Path(made) / "model", folder, form, model_id=model.model_id)
        client.log_model_artifacts(model.model_id, str(Path(made) / "model"))
    client.finalize_logged_model(model.model_id, "READY")
    _ensure_name(client, name)
    # The place itself, not models:/<id>, which MLflow would look up in whatever store is global.
    created = client.create_model_version(
        name,
        model.artifact_location,
        run_id,
        tags=own_tags,
        await_creation_for=READY_WITHIN_S,
        model_id=model.model_id,
    )
    return str(created.version)


def _ensure_name(client: Any, name: str) -> None:
    exceptions = import_mlflow("mlflow.exceptions")
    try:
        client.create_registered_model(name)
    except exceptions.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
