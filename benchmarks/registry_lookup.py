"""What looking a model up costs: alone, during promotions, and in a process that just began.

    python benchmarks/registry_lookup.py [--readers 50] [--promotions 200]

With MLFLOW_TRACKING_URI set to a server, of that; else of a fresh SQLite database. Its model is
called `benchmark` and is tiny, so that what is measured is the registry; a prediction is of one
clip, by the tiny model and by the paper's size. Prints Markdown tables.
"""

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import torch

from rostfine.model_params import TimeSformerParams
from rostfine.models import build_experiment
from rostfine.params import InputParams, load_params
from rostfine.registry import (
    CHAMPION,
    Registration,
    find_version,
    load,
    promote,
    register,
)
from rostfine.training.saved import ModelSettings, save_model

NAME = "benchmark"
PARAMS = load_params(Path(__file__).parents[1] / "params.yaml")
CLIP = np.full((1, PARAMS.clips.frames, *[PARAMS.clips.size_px] * 2, 3), 99, np.uint8)

COLD = """
import sys, time
from pathlib import Path
began = time.perf_counter()
def lap(name):
    global began
    print(f"{name}\\t{time.perf_counter() - began:.4f}")
    began = time.perf_counter()
import torch; lap("import torch")
import rostfine.registry; lap("import rostfine.registry")
import numpy as np
from rostfine.registry.store import find_store, import_mlflow, open_client
workspace = Path(sys.argv[1])
import_mlflow(); lap("import MLflow")
open_client(find_store(workspace)); lap("open the registry")
rostfine.registry.find_version(sys.argv[2], "champion", workspace); lap("resolve the alias")
model = rostfine.registry.load(sys.argv[2] + "@champion", workspace)
lap("fetch and build the model")
clips = model.settings.clips
frames = np.full((1, clips.frames, clips.size_px, clips.size_px, 3), 99, np.uint8)
model.predict_clips(frames); lap("first prediction")
"""


def make_model(folder: Path, seed: int, *, tiny: bool) -> Path:
    """Save an untrained model."""
    experiment = PARAMS.experiments["rostfine"]
    if tiny:
        experiment = dataclasses.replace(
            experiment,
            model=TimeSformerParams("timesformer", "tiny", 0.0, None),
            input=InputParams(frames=4, image_px=32, speed=None),
        )
    else:
        model = dataclasses.replace(experiment.model, pretrained=None)
        experiment = dataclasses.replace(experiment, model=model)
    torch.manual_seed(seed)
    settings = ModelSettings(
        NAME, "nothing", "none: the first", experiment, PARAMS.tracking, PARAMS.clips
    )
    save_model(folder, build_experiment(experiment), settings)
    return folder


def times_ms(act: Callable[[], Any], count: int) -> list[float]:
    """Return how long each of so many calls takes, in milliseconds."""
    found = []
    for _ in range(count):
        began = time.perf_counter()
        act()
        found.append(1000 * (time.perf_counter() - began))
    return found


def tell(what: str, found: Sequence[float]) -> None:
    """Print a row: the median and the 95th percentile, in milliseconds."""
    median, p95 = np.percentile(found, [50, 95])
    print(f"| {what} | {median:.1f} | {p95:.1f} | {len(found)} |", flush=True)


def tell_latencies(workspace: Path, big: Path) -> None:
    """Print what a warm process waits for."""
    print("| warm | median, ms | p95, ms | calls |\n|---|---|---|---|")
    find_version(NAME, CHAMPION, workspace)
    tell("resolve the alias", times_ms(lambda: find_version(NAME, CHAMPION, workspace), 200))
    tell("load the tiny model", times_ms(lambda: load(f"{NAME}@champion", workspace), 20))
    for name, model, count in (
        ("tiny", load(f"{NAME}@champion", workspace), 50),
        ("the paper's size", load(str(big)), 5),
    ):
        model.predict_clips(CLIP)
        tell(f"predict a clip, {name}", times_ms(lambda m=model: m.predict_clips(CLIP), count))


def tell_cold(workspace: Path, rounds: int) -> None:
    """Print where the time goes from the start of a process to its first prediction."""
    command = [sys.executable, "-c", COLD, str(workspace), NAME]
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        began = time.perf_counter()
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found.setdefault("all, with the start of Python", []).append(time.perf_counter() - began)
        for line in said.splitlines():
            name, took = line.split("\t")
            found.setdefault(name, []).append(float(took))
    print(f"\n| cold, median of {rounds} | s |\n|---|---|")
    for name, took_s in found.items():
        print(f"| {name} | {np.median(took_s):.2f} |")


def tell_crowd(workspace: Path, two: Sequence[int], readers: int, promotions: int) -> None:
    """Print what concurrent readers wait, and how many fail, while the champion changes."""
    done, waited, errors = Event(), list[float](), list[str]()

    def read() -> None:
        while not done.is_set():
            began = time.perf_counter()
            try:
                found = find_version(NAME, CHAMPION, workspace)
                if found is None or found.version not in two:
                    errors.append(f"found {found}")
            except Exception as error:  # Counting them is the point.
                errors.append(str(error))
            waited.append(1000 * (time.perf_counter() - began))

    with ThreadPoolExecutor(readers) as pool:
        for _ in range(readers):
            pool.submit(read)
        try:
            changed = [
                times_ms(lambda n=n: promote(NAME, two[n % 2], workspace=workspace), 1)[0]
                for n in range(promotions)
            ]
        finally:
            done.set()
    print(f"\n| {readers} readers | median, ms | p95, ms | calls |\n|---|---|---|---|")
    tell("resolve the alias", waited)
    tell("promote", changed)
    print(f"\nerrors: {len(errors)}", *errors[:3])


def main() -> None:
    """Run all of it."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--readers", type=int, default=50)
    asked.add_argument("--promotions", type=int, default=200)
    asked.add_argument("--cold", type=int, default=3)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as name:
        workspace = Path(name) / "study"
        workspace.mkdir()
        for file in ("params.yaml", "dvc.yaml"):
            (workspace / file).touch()
        two = []
        for seed in (1, 2):
            made = make_model(Path(name) / f"m{seed}", seed, tiny=True)
            done = register(made, NAME, alias=CHAMPION, kept=Registration(), workspace=workspace)
            two.append(int(done.version))
        print(f"registry: {os.environ.get('MLFLOW_TRACKING_URI', 'SQLite')}\n")
        tell_latencies(workspace, make_model(Path(name) / "big", 3, tiny=False))
        tell_cold(workspace, given.cold)
        tell_crowd(workspace, two, given.readers, given.promotions)


if __name__ == "__main__":
    main()
