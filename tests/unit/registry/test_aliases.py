"""Promotion and the way back, on a real MLflow store."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rostfine.errors import RegistryError
from rostfine.registry import CHALLENGER, CHAMPION, PREVIOUS, RegisteredVersion, aliases
from rostfine.registry.aliases import promote, rollback
from rostfine.registry.store import find_store, open_client
from rostfine.registry.versions import list_versions

# MLflow and its migrations warn of their own affairs.
pytestmark = [
    pytest.mark.filterwarnings("ignore:::mlflow"),
    pytest.mark.filterwarnings("ignore:::alembic"),
]
Registered = tuple[Path, RegisteredVersion, RegisteredVersion]
State = tuple[int | None, int | None, int | None]
Write = Callable[[Path], object]


@pytest.fixture
def four(registered: Registered, tmp_path: Path) -> Path:
    """A workspace with a model of four versions and no alias; registering takes seconds."""
    folder = tmp_path / "study"
    folder.mkdir()
    for name in ("params.yaml", "dvc.yaml", "mlflow.db"):
        shutil.copy(registered[0] / name, folder / name)
    client = open_client(find_store(folder))
    client.delete_registered_model_alias("rostfine", CHAMPION)
    source = client.get_model_version("rostfine", "1").source
    for _ in range(2):
        client.create_model_version("rostfine", source)
    return folder


def state(workspace: Path) -> State:
    """Return champion, previous, challenger."""
    of = {alias: v.version for v in list_versions("rostfine", workspace) for alias in v.aliases}
    return of.get(CHAMPION), of.get(PREVIOUS), of.get(CHALLENGER)


def challenge(workspace: Path, version: int) -> None:
    client = open_client(find_store(workspace))
    client.set_registered_model_alias("rostfine", CHALLENGER, str(version))


def tags_of(workspace: Path, version: int) -> dict[str, str]:
    return dict(open_client(find_store(workspace)).get_model_version("rostfine", version).tags)


def play(workspace: Path, moves: str) -> list[State]:
    """Play `1` (promote version 1) and `r` (roll back); return the state after each."""
    states = []
    for move in moves:
        _ = (
            rollback("rostfine", workspace=workspace)
            if move == "r"
            else promote("rostfine", int(move), workspace=workspace)
        )
        states.append(state(workspace))
    return states


def test_the_challenger_takes_the_place_and_the_champion_becomes_the_previous(four: Path) -> None:
    promote("rostfine", 1, workspace=four)
    challenge(four, 3)
    done = promote("rostfine", workspace=four)
    assert (done.before, done.version) == (1, 3)
    assert state(four) == (3, 1, None)
    assert tags_of(four, 3)["champion_before"] == "1"
    assert "promoted_at" in tags_of(four, 3)


def test_promoting_another_version_leaves_the_challenger_in_its_place(four: Path) -> None:
    challenge(four, 3)
    promote("rostfine", 2, workspace=four)
    assert state(four) == (2, None, 3)


def test_promoting_the_champion_again_changes_nothing(four: Path) -> None:
    play(four, "12")
    done = promote("rostfine", 2, workspace=four)
    assert (done.before, done.version, state(four)) == (2, 2, (2, 1, None))


def test_rolling_back_again_and_again_walks_back_in_history(four: Path) -> None:
    assert play(four, "1234rrr")[4:] == [(3, 2, None), (2, 1, None), (1, None, None)]
    with pytest.raises(RegistryError, match="nothing to roll back to"):
        rollback("rostfine", workspace=four)
    assert "rolled_back_at" in tags_of(four, 4)
    assert "rolled_back_at" not in tags_of(four, 1)


def test_a_version_that_was_champion_twice_is_passed_twice_on_the_way_back(four: Path) -> None:
    # A loop would never come to the end.
    assert [found[0] for found in play(four, "121rr")] == [1, 2, 1, 2, 1]
    assert state(four) == (1, None, None)


def test_what_was_rolled_back_and_promoted_again_is_not_called_rolled_back(four: Path) -> None:
    play(four, "12r2")
    assert "rolled_back_at" not in tags_of(four, 2)
    assert state(four) == (2, 1, None)


def test_a_deleted_version_is_left_out_on_the_way_back(four: Path) -> None:
    play(four, "123")
    open_client(find_store(four)).delete_model_version("rostfine", "1")
    assert play(four, "r") == [(2, None, None)]


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (9, "rostfine: no version 9; known: 1, 2, 3, 4"),
        (None, "rostfine: no version has the alias 'challenger'; known: 1, 2, 3, 4"),
    ],
)
def test_what_cannot_be_promoted_is_told_with_what_is_there(
    four: Path, version: int | None, message: str
) -> None:
    with pytest.raises(RegistryError) as raised:
        promote("rostfine", version, workspace=four)
    assert str(raised.value) == message


class Killed(BaseException):
    """What stands for SIGKILL: nothing catches it."""


class Stopping:
    """A client that dies after so many writes."""

    def __init__(self, client: Any, writes: int) -> None:
        self._client, self.left = client, writes

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        if not name.startswith(("set_", "delete_")):
            return real

        def write(*arguments: Any) -> Any:
            if not self.left:
                raise Killed
            self.left -= 1
            return real(*arguments)

        return write


def is_killed(act: Write, workspace: Path, writes: int) -> bool:
    client = Stopping(open_client(find_store(workspace)), writes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aliases, "open_client", lambda _: client)
        try:
            act(workspace)
        except Killed:
            return True
    return False


def all_kills(act: Write, workspace: Path, before: str) -> Iterator[tuple[int, State]]:
    """Yield the state that each number of writes leaves; the workspace is as after `before`."""
    play(workspace, before)
    kept = workspace.with_name("kept.db")
    shutil.copy(workspace / "mlflow.db", kept)
    for writes in range(20):
        shutil.copy(kept, workspace / "mlflow.db")
        challenge(workspace, 3)
        if not is_killed(act, workspace, writes):
            return
        yield writes, state(workspace)
    pytest.fail("it never ends")


def test_a_promotion_killed_after_any_step_has_a_champion_and_is_ended_by_the_next(
    four: Path,
) -> None:
    def act(workspace: Path) -> object:
        return promote("rostfine", 3, workspace=workspace)

    killed = 0
    for _, left in all_kills(act, four, "12"):
        assert left[0] in (2, 3)
        act(four)
        assert state(four) == (3, 2, None)
        assert [found[0] for found in play(four, "rr")] == [2, 1]
        killed += 1
    assert killed == 5


def test_a_rollback_killed_after_any_step_goes_back_once_when_it_is_run_again(four: Path) -> None:
    def act(workspace: Path) -> object:
        return rollback("rostfine", workspace=workspace)

    killed = 0
    for _, left in all_kills(act, four, "124"):
        assert left[0] in (2, 4)
        act(four)
        assert state(four) == (2, 1, 3)
        killed += 1
    assert killed == 4


def test_a_rollback_after_a_promotion_that_was_killed_leaves_the_champion(four: Path) -> None:
    def act(workspace: Path) -> object:
        return promote("rostfine", 3, workspace=workspace)

    for _, left in all_kills(act, four, "12"):
        if left[:2] == (2, 2):
            rollback("rostfine", workspace=four)
            assert state(four) == (2, 1, 3)


READER = """
import sys
from pathlib import Path
import numpy as np
from rostfine.registry import load
workspace, stop = Path(sys.argv[1]), Path(sys.argv[2])
zeros = np.zeros((1, 16, 150, 150, 3), np.uint8)
seen, loads = set(), 0
print("ready", flush=True)
while not stop.exists():
    seen.add(load("rostfine@champion", workspace).predict_clips(zeros).tobytes())
    loads += 1
print(len(seen), loads)
"""


@pytest.mark.slow
def test_a_reader_during_200_promotions_always_finds_a_whole_model(
    registered: Registered, tmp_path: Path
) -> None:
    workspace = tmp_path / "study"
    shutil.copytree(registered[0], workspace)
    command = [sys.executable, "-c", READER, str(workspace), str(tmp_path / "stop")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        for number in range(200):
            promote("rostfine", 1 + number % 2, workspace=workspace)
        (tmp_path / "stop").touch()
        said, complaints = reader.communicate(timeout=120)
    assert (reader.returncode, said.split()[0]) == (0, "2"), complaints
    assert int(said.split()[1]) > 20
