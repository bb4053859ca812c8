"""A registered version made once more from what was kept with it, and compared bit for bit.

Clips come out of DVC's cache, by the hashes of the version's dvc.lock; votes, tags and params were
kept with it; the code is that of its commit. Then labels, folds and all fits are made anew.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from configparser import ConfigParser
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import yaml

from rostfine.errors import InputError, RegistryError
from rostfine.files import sha256_of
from rostfine.registry import Version, fetch_kept
from rostfine.workspace import CHECKOUT

RESULTS: Final[Mapping[str, str]] = {
    "labels": "data/labels.parquet",
    "folds": "data/folds.parquet",
    "predictions": "runs/{experiment}/predictions.parquet",
    "weights": "runs/{experiment}/final/weights.safetensors",
}
"""What is compared: by the tag `sha256.<name>` of a version, where it is in a workspace."""
KEPT: Final[Mapping[str, str]] = {
    "dvc.lock": "dvc.lock",
    "dvc.yaml": "dvc.yaml",
    "params.yaml": "params.yaml",
    "tags.csv": "data/tags.csv",
    "votes.parquet": "data/votes/votes.parquet",
}
FROM_CACHE: Final = ("data/clips", "data/clips.parquet")
CODE: Final = ("rostfine", "stages")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Compared:
    """One result: its hash when it was registered, and that of the one made now."""

    name: str
    registered: str
    rebuilt: str

    @property
    def is_same(self) -> bool:
        """Whether every bit is."""
        return self.registered == self.rebuilt


def rebuild(version: Version, workspace: Path, out: Path, say: Say) -> list[Compared]:
    """Make `version` of a workspace once more in the new folder `out`, and compare RESULTS.

    Raises InputError if `out` is there already, or data or code of the version are not to be had.
    """
    if out.exists():
        raise InputError(f"{out}: is there already; wanted a new folder")
    experiment = version.tags.get("experiment", "")
    wanted = {name: version.tags.get(f"sha256.{name}", "") for name in RESULTS}
    if not experiment or not all(wanted.values()):
        raise RegistryError(
            f"version {version.version} of {version.name}: registered without hashes"
        )
    _bring_back(version, workspace, out)
    with _code_of(version, out, experiment, say) as code:
        for stage in ("aggregate_votes", "make_folds", f"cross_validate {experiment}"):
            say(f"{stage}: runs again")
            _run(out, code, "-m", *f"stages.{stage}".split())
    found = {name: out / path.format(experiment=experiment) for name, path in RESULTS.items()}
    return [Compared(name, wanted[name], sha256_of(path)) for name, path in found.items()]


def _bring_back(version: Version, workspace: Path, out: Path) -> None:
    """Write the version's own params, tags and votes into `out`, and its clips from the cache."""
    for name, path in KEPT.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="rostfine-") as scratch:
            kept = fetch_kept(version, name, Path(scratch), workspace)
            if kept is None:
                raise RegistryError(f"version {version.version} of {version.name}: no {name} kept")
            (out / path).write_bytes(kept.read_bytes())
    weights = workspace / "data" / "weights"
    if weights.is_dir():
        (out / "data" / "weights").symlink_to(weights.resolve())
    _run(out, None, "-m", "dvc", "init", "--quiet", "--no-scm")
    settings = ConfigParser(interpolation=None)
    settings.read([workspace / ".dvc" / name for name in ("config", "config.local")])
    settings.read_dict(
        {"cache": {"dir": _run(workspace, None, "-m", "dvc", "cache", "dir").strip()}}
    )
    with (out / ".dvc" / "config.local").open("w") as file:
        settings.write(file)
    try:
        _run(out, None, "-m", "dvc", "checkout", *FROM_CACHE)
    except InputError:
        # Another machine made it, perhaps: a remote may have what the cache here has not.
        _run(out, None, "-m", "dvc", "pull", *FROM_CACHE)


@contextmanager
def _code_of(version: Version, out: Path, experiment: str, say: Say) -> Iterator[Path]:
    """Give the code that made the version: what is installed, or else that of its commit."""
    if not (other := _differing(out, experiment, CHECKOUT)):
        yield CHECKOUT
        return
    commit = version.tags.get("git.code", "")
    say(f"the code is another now ({', '.join(other[:3])}); takes that of commit {commit[:12]}")
    with TemporaryDirectory(prefix="rostfine-code-") as made:
        tree = Path(made) / "code"
        _git(CHECKOUT, "worktree", "add", "--detach", "--quiet", str(tree), commit)
        try:
            if other := _differing(out, experiment, tree):
                raise InputError(
                    f"commit {commit[:12]}: not the code that made version {version.version}: "
                    f"{', '.join(other[:3])} had been changed and not committed"
                )
            yield tree
        finally:
            _git(CHECKOUT, "worktree", "remove", "--force", str(tree))


def _differing(out: Path, experiment: str, code: Path) -> list[str]:
    """List the files of code that are others in `code` than when the version was made."""
    lock, graph = (yaml.safe_load((out / name).read_text()) for name in ("dvc.lock", "dvc.yaml"))
    there = next(entry["code"] for entry in graph["vars"] if "code" in entry)
    stages = ("aggregate_votes", "make_folds", f"cross_validate@{experiment}")
    found = list[str]()
    for dep in (dep for stage in stages for dep in lock["stages"][stage]["deps"]):
        name = os.path.relpath(dep["path"], there)
        path = code / name
        if Path(name).parts[0] not in CODE:
            continue
        if not path.is_file() or md5(path.read_bytes()).hexdigest() != dep["md5"]:
            found.append(name)
    return sorted(set(found))


def _run(folder: Path, code: Path | None, *arguments: str) -> str:
    """Run Python in a folder, with the packages of `code` before those that are installed."""
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    if code is not None:
        environment["PYTHONPATH"] = str(code)
        # Here and on processors: a cluster cannot see the folder, and a GPU sums otherwise.
        environment["CUDA_VISIBLE_DEVICES"] = ""
        for elsewhere in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS"):
            environment.pop(elsewhere, None)
    return _output([sys.executable, *arguments], folder, environment)


def _git(folder: Path, *arguments: str) -> str:
    return _output(["git", *arguments], folder, dict(os.environ))


def _output(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = " | ".join(done.stderr.strip().splitlines()[-3:])
        raise InputError(f"{folder}: '{' '.join(command[1:])}' failed: {last}")
    return done.stdout
