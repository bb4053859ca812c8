"""Which version is in use: promotion, and the way back.

A version in use has the alias `champion`, the one before it `previous`, and one that wants its
place `challenger`. Each step below is one transaction of MLflow, in such an order that a reader
always finds a champion, and that doing it again after a kill comes to the same end.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rostfine.errors import RegistryError
from rostfine.registry.store import answering, find_store, open_client
from rostfine.registry.versions import Version, ask, ask_all, is_new

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
PREVIOUS: Final = "previous"

BEFORE: Final = "champion_before"
"""Tag of a champion: the numbers of those before it, the last first: `4,2,1`."""

PROMOTED_AT: Final = "promoted_at"
ROLLED_BACK_AT: Final = "rolled_back_at"

MOST_REMEMBERED: Final = 500
"""Champions; MLflow's tags hold 5000 characters."""


@dataclass(frozen=True)
class Change:
    """The champion now, and the one before the change: the same if nothing changed."""

    name: str
    version: int
    before: int | None


def promote(name: str, version: int | None = None, *, workspace: Path | None = None) -> Change:
    """Make a version (the challenger, if none is named) the champion, the champion `previous`.

    Raises RegistryError if there is no such version or challenger.
    """
    with _registry(name, workspace) as client:
        chosen = _wanted(client, name, version)
        champion = ask(client, name, CHAMPION)
        before = champion.version if champion else None
        if champion and before == chosen.version:
            _finish(client, champion)
        else:
            _replace(client, champion, chosen)
        if CHALLENGER in chosen.aliases:
            client.delete_registered_model_alias(name, CHALLENGER)
    return Change(name, chosen.version, before)


def rollback(name: str, *, workspace: Path | None = None) -> Change:
    """Make the champion before this one the champion again; each time one step further back.

    One that was broken off is only brought to its end.

    Raises RegistryError if there is no champion, or none before it.
    """
    with _registry(name, workspace) as client:
        champion, previous = ask(client, name, CHAMPION), ask(client, name, PREVIOUS)
        if not champion or not previous:
            raise RegistryError(
                f"{name}: nothing to roll back to: no version has the alias {PREVIOUS!r}"
            )
        if previous.version == champion.version:
            _finish(client, champion)
        else:
            _go_back(client, champion, previous)
    return Change(name, previous.version, champion.version)


def _replace(client: Any, champion: Version | None, chosen: Version) -> None:
    """Put `chosen` in the place of `champion`; what is noted of it first is of no effect alone."""
    name, number = chosen.name, str(chosen.version)
    _note_before(client, chosen, _with(champion))
    client.set_model_version_tag(name, number, PROMOTED_AT, _now())
    if ROLLED_BACK_AT in chosen.tags:
        client.delete_model_version_tag(name, number, ROLLED_BACK_AT)
    if champion:
        client.set_registered_model_alias(name, PREVIOUS, str(champion.version))
    client.set_registered_model_alias(name, CHAMPION, number)


def _go_back(client: Any, champion: Version, previous: Version) -> None:
    name = champion.name
    before = _before(champion)
    # Of one that was champion twice, its own tag tells of the later time.
    earlier = before[1:] if before[:1] == [previous.version] else _before(previous)
    _note_before(client, previous, earlier)
    client.set_model_version_tag(name, str(champion.version), ROLLED_BACK_AT, _now())
    client.set_registered_model_alias(name, CHAMPION, str(previous.version))
    _point_previous(client, name, earlier)


def _finish(client: Any, champion: Version) -> None:
    """End a change that broke off, which left the champion as its own predecessor."""
    if PREVIOUS in champion.aliases:
        _point_previous(client, champion.name, _before(champion))


def _point_previous(client: Any, name: str, before: Sequence[int]) -> None:
    """Let `previous` be the last of these that was not deleted; without one there is none."""
    there = {version.version for version in ask_all(client, name)}
    left = [number for number in before if number in there]
    if left:
        client.set_registered_model_alias(name, PREVIOUS, str(left[0]))
    else:
        client.delete_registered_model_alias(name, PREVIOUS)


def _with(champion: Version | None) -> list[int]:
    return [champion.version, *_before(champion)] if champion else []


def _before(version: Version) -> list[int]:
    return [int(number) for number in version.tags.get(BEFORE, "").split(",") if number]


def _note_before(client: Any, version: Version, before: Sequence[int]) -> None:
    name, number = version.name, str(version.version)
    if before:
        told = ",".join(map(str, before[:MOST_REMEMBERED]))
        client.set_model_version_tag(name, number, BEFORE, told)
    elif BEFORE in version.tags:
        client.delete_model_version_tag(name, number, BEFORE)


def _wanted(client: Any, name: str, version: int | None) -> Version:
    found = ask(client, name, CHALLENGER if version is None else version)
    if found:
        return found
    known = sorted(known.version for known in ask_all(client, name))
    missing = (
        f"version {version}" if version is not None else f"version has the alias {CHALLENGER!r}"
    )
    raise RegistryError(f"{name}: no {missing}; known: {', '.join(map(str, known)) or 'none'}")


@contextmanager
def _registry(name: str, workspace: Path | None) -> Iterator[Any]:
    store = find_store(workspace)
    if is_new(store):
        raise RegistryError(f"{name}: nothing is registered yet in {store.uri}")
    with answering(store):
        yield open_client(store)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
