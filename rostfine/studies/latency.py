"""Table 8 of the EMD paper: how large each backbone is, and how long it takes on this CPU."""

import platform
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import torch
from torch import nn

from rostfine.models import build_experiment
from rostfine.params import ExperimentParams
from rostfine.studies.backbone_grid import Place
from rostfine.studies.settings import Study
from rostfine.studies.tables import PaperTable, cell, make_table

BATCH: Final = 8
PASSES: Final = 5
PARAMETERS: Final = "Parameters (millions)"
SECONDS: Final = f"Time of {BATCH} clips (s) [least, most]"


def latency_table(study: Study, places: Sequence[Place]) -> PaperTable:
    """Measure one experiment of each backbone, with fresh weights, which take as long as any."""
    firsts, cells = dict[str, Place](), []
    for place in places:
        firsts.setdefault(place.backbone, place)
    for place in firsts.values():
        experiment = study.experiments[place.experiment]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(study.seed)
            model = build_experiment(experiment).eval()
            taken_s = time_passes(model, experiment)
        parameters = sum(weights.numel() for weights in model.parameters()) / 1e6
        seen = f"{experiment.input.frames} × {experiment.input.image_px} px"
        row = f"{place.title} ({experiment.model.size}, {seen})"
        limits = [min(taken_s), max(taken_s)]
        cells += [
            cell(row, PARAMETERS, parameters),
            cell(row, SECONDS, median(taken_s), limits=limits),
        ]
    notes = (
        f"Median of {PASSES} passes after a first one, batch {BATCH}, float32, on {_machine()}",
        "In brackets: size, and the frames and pixels that it sees",
    )
    title = "Size and time on the CPU (EMD paper, Table 8)"
    digits = {PARAMETERS: 3, SECONDS: 4}
    return make_table("table_8", title, cells, digits, notes=notes, corner="Model")


@torch.inference_mode()
def time_passes(model: nn.Module, experiment: ExperimentParams) -> list[float]:
    """Return what each of PASSES forward passes takes, in seconds."""
    wanted = experiment.input
    clips = torch.rand(BATCH, 3, wanted.frames, wanted.image_px, wanted.image_px)
    speed = None if wanted.speed is None else torch.rand(BATCH)
    model(clips, speed)  # the first one also sets up
    taken_s = []
    for _ in range(PASSES):
        start_s = time.perf_counter()
        model(clips, speed)
        taken_s.append(time.perf_counter() - start_s)
    return taken_s


def _machine() -> str:
    """Name the CPU and how many threads compute on it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {torch.get_num_threads()} threads"
