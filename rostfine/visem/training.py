"""Both steps, from their settings to their run folders: all fits that are asked for as one.

They share one start of Ray Train. What was done before is not done again.
"""

import dataclasses
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch

from rostfine.errors import InputError, ParamsError
from rostfine.files import written_whole
from rostfine.params import FitParams
from rostfine.parsing import flatten, plain
from rostfine.schemas import read_table, write_table
from rostfine.training.fits import PROGRESS, Fit
from rostfine.training.folds import PREDICTIONS_FILE
from rostfine.training.jobs import Task
from rostfine.training.live import Live
from rostfine.training.ray_train import train_fits
from rostfine.training.saved import WEIGHTS
from rostfine.training.work import CODE, known_by
from rostfine.visem.fitting import SemenJob
from rostfine.visem.frames import FOLDER, TABLE, WHO
from rostfine.visem.params import INPUTS, PARAMS, InputName, VisemParams
from rostfine.visem.recipes import build
from rostfine.visem.saved import AutoencoderSettings, SemenSettings, load_autoencoder
from rostfine.visem.stacks import StackFiles, load_stacks, to_stack
from rostfine.visem.tables import PARTICIPANTS, SEMEN_PREDICTIONS
from rostfine.visem.targets import TargetName

RUNS: Final = FOLDER / "runs"
EXAMPLES: Final = "examples.npz"
STEP_CODE: Final = (
    *CODE,
    *(f"visem/{name}.py" for name in ("fitting", "params", "recipes", "stacks", "targets")),
)
Pair = tuple[InputName, TargetName]


def run_folder(given: InputName, target: TargetName | None = None) -> Path:
    """Return where a regressor's run is, or, without a target, that of its autoencoder."""
    return RUNS / (f"autoencoder_{given}" if target is None else f"{given}_{target}")


def train_autoencoders(
    params: VisemParams, inputs: Sequence[InputName], *, final: bool = True
) -> None:
    """Train the autoencoders of inputs, standing in their workspace: one for each training fold.

    Without `final` there is none on all data. As published, there is one for all folds, which has
    seen two of the three that are held out.

    Raises TrainingError with a line for each fit that failed, once all are done.
    """
    jobs = {name: _autoencoder_job(params, name) for name in inputs}
    todo = _fits(params, final=final)
    _train(params, jobs.values(), todo)
    for name, job in jobs.items():
        folder = run_folder(name)
        shutil.rmtree(folder, ignore_errors=True)
        for fit in todo:
            job.work.hand_over(fit, folder)
        if params.autoencoder.variant == "published":
            _share(folder, todo, _all_fits(final=final))
        _write_examples(folder, name, todo[0])


def train_regressors(params: VisemParams, pairs: Sequence[Pair], *, final: bool = True) -> None:
    """Train percentages from feature images by fold, standing in the workspace.

    With `final` one more is trained on all data, to be used.

    Raises InputError if an autoencoder is missing, and TrainingError with a line for each fit that
    failed, once all are done.
    """
    _check_backbone(params)
    todo = _all_fits(final=final)
    jobs = {pair: _regressor_job(params, *pair, todo) for pair in pairs}
    _train(params, jobs.values(), todo)
    for (given, target), job in jobs.items():
        folder = run_folder(given, target)
        shutil.rmtree(folder, ignore_errors=True)
        for fit in todo:
            job.work.hand_over(fit, folder)
        parts = [
            read_table(folder / fit.folder / PREDICTIONS_FILE, SEMEN_PREDICTIONS[target])
            for fit in todo
            # Of a fold in which nobody has the target there is nothing.
            if (folder / fit.folder / PREDICTIONS_FILE).is_file()
        ]
        table = pd.concat(parts, ignore_index=True)
        write_table(folder / PREDICTIONS_FILE, table, SEMEN_PREDICTIONS[target])


def _check_backbone(params: VisemParams) -> None:
    """Let a picture of nothing go through it, before any time is spent."""
    px, name = params.frames.image_px, params.regressor.backbone
    model = build(params.regressor, "motility", INPUTS["I1"]).eval()
    try:
        with torch.inference_mode():
            model(torch.zeros(1, 1, 1, px, px))
    except (AssertionError, RuntimeError) as error:
        said = " ".join(str(error).split())
        raise ParamsError(
            f"{PARAMS}: regressor.backbone: {name} does not take pictures of {px} px: {said}"
        ) from error


def _train(params: VisemParams, jobs: Collection[SemenJob], todo: Sequence[Fit]) -> None:
    tasks = [Task(f"{job.name}/{fit.folder}", fit, job) for job in jobs for fit in todo]
    for job in jobs:
        job.work.prepare()
    epochs = {task.name: task.job.epochs for task in tasks}
    done = {task.name: task.epochs_done for task in tasks}
    name = ", ".join(job.name for job in jobs)
    with Live(name, epochs, done=done, told=tasks[0].job.work.folder / PROGRESS) as live:
        train_fits(tasks, params.training, watcher=live)


def _all_fits(*, final: bool) -> list[Fit]:
    folds = read_table(WHO, PARTICIPANTS)["fold"].unique()
    return [Fit(int(fold)) for fold in sorted(folds)] + [Fit(None)] * final


def _fits(params: VisemParams, *, final: bool) -> list[Fit]:
    """List the fits of an autoencoder: as published, that of the first fold is the only one."""
    fits = _all_fits(final=final)
    return fits[:1] if params.autoencoder.variant == "published" else fits


def _share(folder: Path, done: Sequence[Fit], fits: Sequence[Fit]) -> None:
    """Let the one autoencoder that was trained serve all fits."""
    (source,) = done
    for fit in fits:
        if fit == source:
            continue
        for path in (folder / source.folder).iterdir():
            with written_whole(folder / fit.folder / path.name) as beside:
                beside.write_bytes(path.read_bytes())


def _autoencoder_job(params: VisemParams, given: InputName) -> SemenJob:
    step = params.autoencoder
    fit = dataclasses.replace(step.fit, lr=getattr(step.lr, given))
    name = f"visem/autoencoder_{given}"
    settings = AutoencoderSettings(
        "autoencoder", name, "", "", step.variant, given, params.frames, fit
    )
    data = {"stacks": TABLE, "participants": WHO}
    return _job(params, settings, fit, data, run_folder(given))


def _regressor_job(
    params: VisemParams, given: InputName, target: TargetName, todo: Sequence[Fit]
) -> SemenJob:
    name, variant = f"visem/{given}_{target}", params.autoencoder.variant
    settings = SemenSettings(
        "semen", name, "", "", variant, target, given, params.frames, params.regressor
    )
    autoencoders = run_folder(given)
    data = {"stacks": TABLE, "participants": WHO}
    for fit in todo:
        path = autoencoders / fit.folder / WEIGHTS
        if not path.is_file():
            raise InputError(f"{path}: no autoencoder here; run visem_autoencoder first")
        data[f"autoencoder.{fit.folder}"] = path
    pretrained = params.regressor.pretrained
    if pretrained is not None and Path(pretrained).is_file():
        data["weights"] = Path(pretrained)
    return _job(params, settings, params.regressor.fit, data, autoencoders)


def _job(
    params: VisemParams,
    settings: AutoencoderSettings | SemenSettings,
    fit: FitParams,
    data: Mapping[str, Path],
    autoencoders: Path,
) -> SemenJob:
    identity = flatten(plain(settings))
    identity["training.workers_per_fold"] = str(params.training.workers_per_fold)
    work = known_by(Path.cwd(), settings.experiment_name, identity, data, STEP_CODE)
    return SemenJob(settings, fit, params.training, work, Path.cwd(), autoencoders)


@torch.inference_mode()
def _write_examples(folder: Path, given: InputName, fit: Fit) -> None:
    """Write a stack that the first fold's autoencoder has not seen, and what becomes of it."""
    model, _ = load_autoencoder(folder / fit.folder)
    data = load_stacks(INPUTS[given], room_bytes=0.0)
    rows = np.flatnonzero(data.folds == fit.held_out)
    if not len(rows):
        return
    stored = data.samples.frames
    assert isinstance(stored, StackFiles)
    seen = to_stack(stored.read(torch.from_numpy(rows[len(rows) // 2 :][:1])), INPUTS[given])
    feature = model.encoder(seen.squeeze(1))[0].numpy()
    frames = (255 * seen[0, 0]).round().byte().numpy()
    with written_whole(folder / EXAMPLES) as beside:
        np.savez_compressed(
            beside, frames=frames, feature=feature, reconstruction=model(seen)[0, 0].numpy()
        )
