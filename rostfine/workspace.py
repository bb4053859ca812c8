"""A workspace: the folder with `dvc.yaml` and `params.yaml` that holds one study."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from rostfine.errors import InputError

CHECKOUT = Path(__file__).resolve().parents[1]
PRESETS: Mapping[str, str] = {"paper": "params.yaml", "small": "params.small.yaml"}
EMPTY_TABLES: Mapping[str, str] = {
    "data/tags.csv": "sample_id,video_id,frame,x_px,y_px\n",
    "data/videos.csv": "video_id,patient_id,um_per_px,acquired_at\n",
}
IGNORED_BY_GIT = "/data/raw/\n/data/votes/\n/mlflow.db*\n/mlartifacts/\n/truth/\n/.ray-*\n"


def find_workspace(start: Path) -> Path | None:
    """Return the nearest folder from `start` upwards that is a workspace, or None."""
    folders = [start.resolve(), *start.resolve().parents]
    return next((f for f in folders if is_workspace(f)), None)


def is_workspace(folder: Path) -> bool:
    """Tell whether `folder` holds a pipeline and its params."""
    return (folder / "dvc.yaml").exists() and (folder / "params.yaml").exists()


def init_workspace(folder: Path, preset: str) -> None:
    """Make `folder` a workspace under Git and DVC, with the params of `preset` and empty tables.

    Raises InputError if it is one already, or the preset is unknown.
    """
    if preset not in PRESETS:
        raise InputError(f"preset: wanted one of {', '.join(PRESETS)}, got {preset!r}")
    if is_workspace(folder):
        raise InputError(f"{folder}: is a workspace already; nothing was changed")
    for name in ("data/raw", "data/votes"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, header in EMPTY_TABLES.items():
        if not (folder / name).exists():
            (folder / name).write_text(header)
    shutil.copy(CHECKOUT / PRESETS[preset], folder / "params.yaml")
    shutil.copy(CHECKOUT / ".dvcignore", folder / ".dvcignore")
    (folder / ".gitignore").write_text(IGNORED_BY_GIT)
    _run(folder, "git", "init", "--quiet")
    _run(folder, "dvc", "init", "--quiet", "--force")
    _run(folder, "dvc", "config", "core.analytics", "false")
    # Written last: what holds a dvc.yaml is whole.
    code = os.path.relpath(CHECKOUT, folder.resolve())
    pipeline = (CHECKOUT / "dvc.yaml").read_text()
    (folder / "dvc.yaml").write_text(pipeline.replace("- code: .\n", f"- code: {code}\n"))


def _run(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"{folder}: '{' '.join(command)}' failed: {done.stderr.strip()}")
