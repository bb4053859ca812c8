"""Where a run's results come from: the commits of code and workspace, the hashes of the data."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import rostfine
from rostfine.files import sha256_of

HASHED: Final[Mapping[str, str]] = {
    "clips": "data/clips.parquet",
    "labels": "data/labels.parquet",
    "folds": "data/folds.parquet",
    "dvc.lock": "dvc.lock",
}


def describe_origin(workspace: Path) -> dict[str, str]:
    """Return tags: `git.code`, `git.workspace` with `.dirty`, and `sha256.*` of what is there."""
    hashes = {
        f"sha256.{name}": sha256_of(workspace / path)
        for name, path in HASHED.items()
        if (workspace / path).is_file()
    }
    return {
        **hashes,
        **_commit("workspace", workspace),
        **_commit("code", Path(rostfine.__file__).parent),
    }


def _commit(what: str, folder: Path) -> dict[str, str]:
    """Return the Git commit of a folder, and whether files differ from it; nothing without Git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return {}
    changed = _git(folder, "status", "--porcelain", ".")
    return {f"git.{what}": commit, f"git.{what}.dirty": str(bool(changed)).lower()}


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
