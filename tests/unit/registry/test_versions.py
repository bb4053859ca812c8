"""Versions and what is kept with them, in a real MLflow store."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rostfine.errors import RegistryError
from rostfine.registry import RegisteredVersion, Registration, register
from rostfine.registry.pyfunc_files import EXAMPLE, grade_form, write_pyfunc
from rostfine.registry.registration import LONGEST_DESCRIPTION
from rostfine.registry.store import find_store, import_mlflow, open_client
from rostfine.registry.versions import fetch_kept, find_version, keep_with, list_versions
from rostfine.training.saved import read_settings

# MLflow and its migrations warn of their own affairs.
pytestmark = [
    pytest.mark.filterwarnings("ignore:::mlflow"),
    pytest.mark.filterwarnings("ignore:::alembic"),
]
Registered = tuple[Path, RegisteredVersion, RegisteredVersion]
Saved = Callable[[int], Path]


def test_a_version_is_found_by_its_number_and_by_its_alias(registered: Registered) -> None:
    workspace, first, second = registered
    by_alias = find_version("rostfine", "champion", workspace)
    assert by_alias is not None
    assert (by_alias.version, by_alias.run_id, by_alias.aliases) == (
        2,
        second.run_id,
        ("champion",),
    )
    by_number = find_version("rostfine", 1, workspace)
    assert by_number is not None
    assert (by_number.run_id, by_number.aliases) == (first.run_id, ())
    assert by_number.tags["git.code"] == "abc123"
    assert [v.version for v in list_versions("rostfine", workspace)] == [2, 1]
    assert list_versions("rostfine", workspace)[0] == by_alias


@pytest.mark.parametrize(("name", "wanted"), [("rostfine", 7), ("rostfine", "best"), ("x", 1)])
def test_what_is_not_there_is_none(registered: Registered, name: str, wanted: int | str) -> None:
    assert find_version(name, wanted, registered[0]) is None


def test_a_model_that_nobody_registered_has_no_versions(
    registered: Registered, workspace: Path
) -> None:
    assert list_versions("x", registered[0]) == []
    assert list_versions("rostfine", workspace) == []
    assert not (workspace / "mlflow.db").exists()


def test_files_are_kept_with_a_version_also_when_the_workspace_moves(
    workspace: Path, saved: Saved, tmp_path: Path
) -> None:
    card, lock = tmp_path / "card.md", tmp_path / "dvc.lock"
    card.write_text("x" * 2 * LONGEST_DESCRIPTION)
    lock.write_text("schema")
    kept = Registration(files={"MODEL_CARD.md": card, "dvc.lock": lock})
    register(saved(1), "rostfine", alias="challenger", kept=kept, workspace=workspace)
    described = open_client(find_store(workspace)).get_model_version("rostfine", "1").description
    assert described == "x" * LONGEST_DESCRIPTION

    moved = workspace.rename(workspace.with_name("moved"))
    version = find_version("rostfine", "challenger", moved)
    assert version is not None
    keep_with(version, "decisions/1-against-none.json", lock, {"verdict": "passed"}, moved)
    assert not workspace.exists()
    for name in ("dvc.lock", "decisions/1-against-none.json"):
        path = fetch_kept(version, name, tmp_path / "out", moved)
        assert path == tmp_path / "out" / name
        assert path.read_text() == "schema"
    assert fetch_kept(version, "decisions/none.json", tmp_path / "out", moved) is None
    again = find_version("rostfine", 1, moved)
    assert again is not None
    assert again.tags["verdict"] == "passed"


def test_a_file_to_be_kept_that_is_missing_is_named_and_no_version_is_made(
    workspace: Path, saved: Saved, tmp_path: Path
) -> None:
    kept = Registration(files={"votes.parquet": tmp_path / "gone.parquet"})
    with pytest.raises(RegistryError, match=r"gone.parquet: no such file, wanted as kept/votes"):
        register(saved(1), "rostfine", alias="challenger", kept=kept, workspace=workspace)
    assert list_versions("rostfine", workspace) == []


@pytest.mark.parametrize("speed", [None, "speed_px_s"])
def test_the_example_is_a_grey_clip_as_mlflow_reads_it_in_few_bytes(
    saved: Saved, tmp_path: Path, speed: str | None
) -> None:
    settings = read_settings(saved(1))
    asking = dataclasses.replace(settings.experiment.input, speed=speed)
    experiment = dataclasses.replace(settings.experiment, input=asking)
    settings = dataclasses.replace(settings, experiment=experiment)
    write_pyfunc(tmp_path / "model", saved(1), grade_form(settings), model_id="m-1")
    assert (tmp_path / "model" / EXAMPLE).stat().st_size < 4e6
    model = import_mlflow("mlflow.models").Model.load(str(tmp_path / "model"))
    found = model.load_input_example(str(tmp_path / "model"))
    assert found["frames"].dtype == np.uint8
    assert found["frames"].shape == (1, 16, 150, 150, 3)
    assert np.ptp(found["frames"]) == 0
    assert ("speed" in found) == (speed is not None)
    assert json.loads(json.dumps(model.saved_input_example_info))["type"] == "ndarray"
