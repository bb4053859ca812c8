"""A workspace: the folder with `dvc.yaml` and `params.yaml` that holds one study."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from rostfine.errors import InputError

CHECKOUT = Path(__file__).resolve().parents[1]
PRESETS: Mapping[str, tuple[str, str]] = {
    "paper": ("params.yaml", "full"),
    "small": ("params.small.yaml", "small"),
    "smoke": ("params.small.yaml", "smoke"),
}
"""The params of a new workspace and of the systems beside it, and the setting of its studies."""
EMPTY_TABLES: Mapping[str, str] = {
    "data/tags.csv": "sample_id,video_id,frame,x_px,y_px\n",
    "data/videos.csv": "video_id,patient_id,um_per_px,acquired_at\n",
}
ABOUT_WEIGHTS = (
    "Files of pretrained weights. Name one in params.yaml, experiments.<name>.model.pretrained,\n"
    "as data/weights/FILE; `dvc add` keeps it. A change here trains every experiment again.\n"
)
IGNORED_BY_GIT = (
    "/data/raw/\n/data/votes/\n/data/.batches*\n/data/.video-hashes.json\n"
    "/mlflow.db*\n/mlartifacts/\n/mlflow-outbox/\n/prefect/\n/checkpoints/\n/tensorboard/\n/truth/\n"
    "/morphology/data/\n/visem/data/\n/visem/.video-hashes.json\n"
)


def find_workspace(start: Path) -> Path | None:
    """Return the nearest folder from `start` upwards that is a workspace, or None."""
    folders = [start.resolve(), *start.resolve().parents]
    return next((f for f in folders if is_workspace(f)), None)


def is_workspace(folder: Path) -> bool:
    """Tell whether `folder` holds a pipeline and its params."""
    return (folder / "dvc.yaml").exists() and (folder / "params.yaml").exists()


def init_workspace(folder: Path, preset: str) -> None:
    """Make `folder` a workspace under Git and DVC: params of `preset`, empty tables, studies.

    What is there already stays as it is.

    Raises InputError if it is one already, or the preset is unknown.
    """
    if preset not in PRESETS:
        raise InputError(f"preset: wanted one of {', '.join(PRESETS)}, got {preset!r}")
    if is_workspace(folder):
        raise InputError(f"{folder}: is a workspace already; nothing was changed")
    for name in ("data/raw", "data/votes", "data/weights", "morphology/data", "visem/data"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    params, setting = PRESETS[preset]
    files = {
        **EMPTY_TABLES,
        "data/weights/README": ABOUT_WEIGHTS,
        ".gitignore": IGNORED_BY_GIT,
        ".dvcignore": (CHECKOUT / ".dvcignore").read_text(),
        "params.yaml": (CHECKOUT / params).read_text(),
        **_studies(folder, setting),
        **_beside("morphology", params, folder),
        **_beside("visem", params, folder),
    }
    for name, text in files.items():
        if not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    _run(folder, "git", "init", "--quiet")
    if not (folder / ".dvc").exists():
        _run(folder, sys.executable, "-m", "dvc", "init", "--quiet")
        _run(folder, sys.executable, "-m", "dvc", "config", "core.analytics", "false")
    # Written last: what holds a dvc.yaml is whole.
    (folder / "dvc.yaml").write_text(_pipeline(CHECKOUT / "dvc.yaml", folder))


def _pipeline(path: Path, folder: Path) -> str:
    """Return a pipeline as it has to be in a workspace: saying where the code is."""
    code = os.path.relpath(CHECKOUT, folder.resolve())
    return path.read_text().replace("- code: .\n", f"- code: {code}\n")


def _beside(system: str, params: str, folder: Path) -> dict[str, str]:
    """Return the params and the pipeline of a system beside the main one."""
    return {
        f"{system}/params.yaml": (CHECKOUT / system / params).read_text(),
        f"{system}/dvc.yaml": _pipeline(CHECKOUT / system / "dvc.yaml", folder),
    }


def _studies(folder: Path, setting: str) -> dict[str, str]:
    """Return the pipelines and params of all studies, by their path in a workspace."""
    files = dict[str, str]()
    for path in sorted((CHECKOUT / "studies").glob("*/dvc.yaml")):
        params = path.with_name("params.yaml").read_text()
        where = f"studies/{path.parent.name}"
        files[f"{where}/params.yaml"] = params.replace("setting: full ", f"setting: {setting} ")
        files[f"{where}/dvc.yaml"] = _pipeline(path, folder)
    return files


def refuse_if_filled(folder: Path) -> None:
    """Raise InputError if `folder` holds tags or votes already: a simulation would replace them."""
    tags = folder / "data" / "tags.csv"
    votes = folder / "data" / "votes"
    if tags.exists() and tags.read_text() != EMPTY_TABLES["data/tags.csv"]:
        raise InputError(f"{tags}: holds tags already; nothing was changed")
    if votes.is_dir() and any(votes.iterdir()):
        raise InputError(f"{votes}: holds votes already; nothing was changed")


def _run(folder: Path, *command: str) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise InputError(f"{command[0]}: not found on this machine; install it first") from error
    if done.returncode:
        raise InputError(f"{folder}: '{' '.join(command)}' failed: {done.stderr.strip()}")
