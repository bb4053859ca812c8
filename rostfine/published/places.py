"""Where results may go, and whether the folds there are those that are wanted."""

from pathlib import Path
from typing import Final

from rostfine.errors import InputError
from rostfine.training.folds import PREDICTIONS_FILE
from rostfine.workspace import is_workspace

RESULTS: Final = "metrics.json"
SAMPLES: Final = "samples"
KEPT_BY_DVC: Final = ("runs", "studies")


def results_folder(load_dir: Path, output_dir: Path | None) -> Path:
    """Return where the results of testing a run go: `output_dir`, or beside what the run holds.

    Raises InputError if DVC keeps what is there, or if it holds anything but earlier results.
    """
    out = load_dir / "test" if output_dir is None else output_dir
    refuse_kept(out)
    if (out / PREDICTIONS_FILE).exists():
        raise InputError(f"--output-dir: wanted a folder without a run, got {out}")
    if (out / SAMPLES).exists() and not (out / RESULTS).exists():
        raise InputError(
            f"--output-dir: wanted a folder of earlier results or none, got {out}, whose "
            f"{SAMPLES} are of something else: there is no {RESULTS} beside them"
        )
    return out


def refuse_kept(folder: Path) -> None:
    """Raise InputError if `folder` is below runs/ or studies/ of a workspace, which DVC keeps."""
    for above in (folder, *folder.parents):
        if above.name in KEPT_BY_DVC and is_workspace(above.parent):
            raise InputError(
                f"--output-dir: wanted a folder outside of {above}, which DVC keeps, got {folder}"
            )


def check_kfold(wanted: int | None, folds: int) -> None:
    """Raise InputError if the workspace has other than the wanted number of folds."""
    if wanted is not None and wanted != folds:
        raise InputError(
            f"--kfold: wanted {wanted} folds, data/folds.parquet has {folds}; set folds.k in "
            "params.yaml and run 'dvc repro make_folds'"
        )
