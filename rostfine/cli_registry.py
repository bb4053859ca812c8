"""Which model is in use: `rostfine versions | promote | rollback | reproduce`."""

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from rostfine.errors import RegistryError, RostfineError

if TYPE_CHECKING:
    from rostfine.registry import Version

Name = Annotated[str, typer.Option(help="Of the registered model.")]
HEADING = ("version", "aliases", "registered", "out of fold", "decision")


def versions(
    name: Name = "rostfine",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """List the versions of the model, the newest first, and which is in use."""
    from rostfine.registry import list_versions

    found = list_versions(name)
    if as_json:
        print(json.dumps([asdict(version) for version in found]))
    elif not found:
        print(f"{name}: no version is registered yet")
    else:
        _print_table([HEADING, *map(_row, found)])


def promote(
    version: Annotated[
        int | None, typer.Argument(help="Its number; the challenger if none is given.")
    ] = None,
    name: Name = "rostfine",
) -> None:
    """Make VERSION the one in use, whatever the gate said of it."""
    from rostfine import registry

    done = registry.promote(name, version)
    if done.before == done.version:
        print(f"{name}: version {done.version} is the champion already")
    else:
        print(f"{name}: champion {_told(done.before)} -> version {done.version}")


def rollback(name: Name = "rostfine") -> None:
    """Take the version back into use that was in use before; each time one step further."""
    from rostfine import registry

    done = registry.rollback(name)
    if done.before == done.version:
        print(f"{name}: an earlier change had broken off; the champion is version {done.version}")
    else:
        print(f"{name}: champion {_told(done.before)} -> version {done.version}")


def reproduce(
    version: Annotated[str, typer.Argument(help="A number, or an alias as champion.")],
    out: Annotated[Path | None, typer.Option(help="A new folder; else one for a while.")] = None,
    name: Name = "rostfine",
    workspace: Annotated[Path, typer.Option(help="Whose cache holds the clips.")] = Path(),
) -> None:
    """Make VERSION once more from its data, params and code, and compare it bit for bit."""
    from rostfine.rebuild import rebuild
    from rostfine.registry import find_version

    found = find_version(name, int(version) if version.isdigit() else version, workspace)
    if found is None:
        raise RegistryError(
            f"{name}: no version or alias {version!r}; 'rostfine versions' lists them"
        )
    with TemporaryDirectory(prefix="rostfine-") as scratch:
        folder = out or Path(scratch) / f"{name}-{found.version}"
        results = rebuild(found, workspace, folder, lambda line: print(line, flush=True))
    for one in results:
        print(f"{one.name}: {'the same' if one.is_same else 'DIFFERS'}, sha256 {one.rebuilt}")
    if not all(one.is_same for one in results):
        raise RostfineError(f"version {found.version} of {name}: made once more, it is another")


def _told(version: int | None) -> str:
    return f"version {version}" if version else "none"


def _row(version: "Version") -> tuple[str, ...]:
    tags = version.tags
    rolled_back, promoted = tags.get("rolled_back_at"), tags.get("promoted_at")
    said = [
        tags.get("verdict", ""),
        f"promoted {promoted[:10]}" if promoted else "",
        f"rolled back {rolled_back[:10]}" if rolled_back else "",
    ]
    when = version.created_at[:16].replace("T", " ")
    aliases = ", ".join(version.aliases)
    return str(version.version), aliases, when, tags.get("score", ""), ", ".join(filter(None, said))


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())
