"""Registering on a real MLflow store."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rostfine.errors import RegistryError
from rostfine.parsing import flatten
from rostfine.registry import RegisteredVersion, Registration, register
from rostfine.registry.store import find_store, open_client

# MLflow and its migrations warn of their own affairs.
pytestmark = [
    pytest.mark.filterwarnings("ignore:::mlflow"),
    pytest.mark.filterwarnings("ignore:::alembic"),
]
Registered = tuple[Path, RegisteredVersion, RegisteredVersion]


def test_registered_twice_is_version_2_and_the_alias_moves(registered: Registered) -> None:
    workspace, first, second = registered
    assert (first.version, second.version, second.alias) == ("1", "2", "champion")
    found = open_client(find_store(workspace)).get_model_version_by_alias("rostfine", "champion")
    assert (str(found.version), found.run_id) == ("2", second.run_id)


def test_the_version_knows_its_metrics_params_hashes_and_commit(registered: Registered) -> None:
    workspace, done, _ = registered
    client = open_client(find_store(workspace))
    history = [(m.step, m.value) for m in client.get_metric_history(done.run_id, "emd")]
    run = client.get_run(done.run_id)
    tags = client.get_model_version("rostfine", done.version).tags
    assert sorted(history) == [(0, 0.25), (1, 0.35)]
    assert run.data.metrics["emd_mean"] == 0.3
    assert run.data.params["experiment.input.image_px"] == "32"
    assert run.data.params["experiment.model.pretrained"] == "null"
    assert run.info.status == "FINISHED"
    assert tags["git.code"] == "abc123"
    assert tags["sha256.labels"] == "f00"
    assert tags["trained_on"] == "all data"


def test_nothing_in_a_version_is_a_pickle(registered: Registered) -> None:
    names = {path.suffix for path in (registered[0] / "mlartifacts").rglob("*") if path.is_file()}
    assert names == {".safetensors", ".json", ".yaml", ".txt", ""}


def test_a_failure_leaves_the_alias_where_it_was_and_the_run_failed(
    workspace: Path, saved: Callable[[int], Path]
) -> None:
    kept = Registration(files={"labels.parquet": workspace / "not there"})
    with pytest.raises(RegistryError, match="not there: no such file"):
        register(saved(2), "rostfine", alias="champion", kept=kept, workspace=workspace)
    client = open_client(find_store(workspace))
    experiment = client.get_experiment_by_name("rostfine").experiment_id
    assert [run.info.status for run in client.search_runs([experiment])] == ["FAILED"]
    assert client.search_registered_models() == []


def test_nested_params_become_dotted_keys_to_text() -> None:
    nested = {
        "fit": {"lr": 0.001, "clip_norm": None, "augment": True},
        "name": "x",
        "sizes": [1, 2],
    }
    assert flatten(nested) == {
        "fit.lr": "0.001",
        "fit.clip_norm": "null",
        "fit.augment": "true",
        "name": "x",
        "sizes": "[1, 2]",
    }
