"""Registered models that are not of grade distributions: found by reference, refused by kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rostfine.errors import InputError
from rostfine.files import read_json
from rostfine.registry.predictor import REFERENCE, opened
from rostfine.registry.versions import find_version
from rostfine.training.saved import SETTINGS

CLIPS = "clips"
"""The kind of a model that says none: of grade distributions."""


@contextmanager
def opened_kind(
    reference: str, kind: str, *, wanted: str, workspace: Path | None = None
) -> Iterator[tuple[Path, str]]:
    """Yield the folder of a registered model of a kind, and its reference by version.

    An alias is followed once, because an answer is to tell which model gave it. `wanted` says in a
    message what a model of this kind is, with an example. Raises RegistryError if there is no such
    model, InputError if it is one of another kind.
    """
    exact = _by_number(reference, workspace)
    with opened(exact, workspace) as folder:
        _refuse_others(reference, folder, kind, wanted)
        yield folder, exact


def _by_number(reference: str, workspace: Path | None) -> str:
    parts = REFERENCE.fullmatch(reference)
    if not parts or not parts["alias"] or (Path(reference) / SETTINGS).is_file():
        return reference
    found = find_version(parts["name"], parts["alias"], workspace)
    return f"models:/{found.name}/{found.version}" if found else reference


def _refuse_others(reference: str, folder: Path, kind: str, wanted: str) -> None:
    try:
        said = read_json(folder / SETTINGS)
    except (OSError, ValueError) as error:
        raise InputError(f"{reference}: not a saved model: {error}") from error
    got = said.get("kind", CLIPS) if isinstance(said, dict) else "none"
    if got != kind:
        raise InputError(f"{reference}: wanted {wanted}; got one of kind {got!r}")
