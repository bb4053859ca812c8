"""Experiments with heads, from their settings to their run folders."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rostfine.models.anchors import PUBLISHED
from rostfine.morphology.fitting import THE_FIT, HeadJob, trainable
from rostfine.morphology.params import ExperimentParams, MorphologyParams
from rostfine.morphology.pool import fitted_anchors
from rostfine.morphology.saved import HeadSettings
from rostfine.morphology.stored import read_pictures
from rostfine.morphology.tables import INSTANCES_FILE, PICTURES_FILE, RUNS
from rostfine.parsing import flatten, plain
from rostfine.training.fits import PROGRESS
from rostfine.training.jobs import Task
from rostfine.training.live import Live
from rostfine.training.ray_train import train_fits
from rostfine.training.work import CODE, LIBRARIES, known_by

STEP_CODE: Final = (
    *CODE,
    "video/still.py",
    *(
        f"morphology/{name}.py"
        for name in (
            "average_precision", "change", "counting", "detect", "fitting", "heads", "labelme",
            "matching", "metrics", "params", "pool", "published_map", "quality", "recipe", "splits",
            "stored",
        )
    ),
)  # fmt: skip
STEP_LIBRARIES: Final = (*LIBRARIES, "torchvision", "pycocotools", "opencv-python-headless")


def train_heads(params: MorphologyParams, names: Sequence[str]) -> None:
    """Train experiments by name, standing in their workspace, into `morphology/runs/<name>`.

    What was done before is not done again. Raises FoldError if there are no pictures with heads to
    train on, and TrainingError with a line for each experiment that failed, once all are done.
    """
    jobs = {name: _job(params, name, params.experiments[name]) for name in names}
    for job in jobs.values():
        job.work.prepare()
    tasks = [Task(job.name, THE_FIT, job) for job in jobs.values()]
    epochs = {task.name: task.job.epochs for task in tasks}
    done = {task.name: task.epochs_done for task in tasks}
    told = tasks[0].job.work.folder / PROGRESS
    with Live(", ".join(names), epochs, done=done, told=told) as live:
        train_fits(tasks, params.training, watcher=live)
    for name, job in jobs.items():
        shutil.rmtree(RUNS / name, ignore_errors=True)
        job.work.hand_over(THE_FIT, RUNS / name)


def _job(params: MorphologyParams, name: str, experiment: ExperimentParams) -> HeadJob:
    net, train = experiment.model, trainable(read_pictures())
    anchors = PUBLISHED if net.anchors == "published" else fitted_anchors(train, net.image_px)
    classes = params.data.classes
    settings = HeadSettings(
        "heads", f"morphology/{name}", "", "", experiment, tuple(classes), classes, anchors,
        params.data.um_per_px,
    )  # fmt: skip
    data = {"pictures": PICTURES_FILE, "instances": INSTANCES_FILE}
    if net.pretrained is not None and Path(net.pretrained).is_file():
        data["weights"] = Path(net.pretrained)
    identity = flatten(plain(settings))
    identity["training.workers_per_fold"] = str(params.training.workers_per_fold)
    work = known_by(Path.cwd(), settings.experiment_name, identity, data, STEP_CODE, STEP_LIBRARIES)
    return HeadJob(settings, experiment.fit, params.training, work, Path.cwd(), params.data)
