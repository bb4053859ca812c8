"""What training costs behind a frozen encoder, on features made once, against training it all.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/frozen_encoder.py [--batch 8] [--part 2]

RoSTFine at the paper's size on random clips as they are stored, by the paper's optimiser, fp32. A
full step takes its batch in parts, whose gradients add up, so that 8 GiB of memory are enough; its
steps are counted without the first part, which finds memory cold. Features are made and kept as
`rostfine.training.frozen` does. Printed are medians of one run, by the clock and of the CPU
(threads that wait must not count as work), and what they make of the paper's 492 clips of a fold.
"""

import argparse
import dataclasses
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rostfine.clips.transforms import to_input
from rostfine.losses import objective
from rostfine.memory import keep_freed_memory
from rostfine.models import ModelOutput, build_model
from rostfine.params import load_params
from rostfine.training.frozen import condense_clips, freeze_encoder, kept_condensed
from rostfine.training.optim import make_optimizer

PAPER = load_params(Path(__file__).parents[1] / "params.yaml").experiments["rostfine"]
INPUT = dataclasses.replace(PAPER.input, speed=None)
CLIPS_OF_A_FOLD = 492
EPOCHS = (1, 10, 100, 300)
FLOOR = 20
"""How many times faster an epoch has to be."""


class Seconds(NamedTuple):
    """How long something took, by the clock and of the CPU."""

    wall: float
    cpu: float


def seconds(name: str, work: Callable[[], object]) -> Seconds:
    """Time `work` once, and say so."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    found = Seconds(time.perf_counter() - wall, time.process_time() - cpu)
    print(f"# {name}: {found.wall:.2f} s, CPU {found.cpu:.2f} s", file=sys.stderr, flush=True)
    return found


def median(times: list[Seconds]) -> Seconds:
    """The median of each clock."""
    return Seconds(*(statistics.median(clock) for clock in zip(*times, strict=True)))


def step_of(
    model: nn.Module, predict: Callable[[Tensor], ModelOutput], clips: Tensor, part: int
) -> Callable[[], None]:
    """Make a training step on `clips`, or on what stands for them, in parts of `part`."""
    optimizer = make_optimizer(model, PAPER.fit)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        for some in torch.split(clips, part):
            label = torch.full((len(some), 5), 0.2)
            total = objective(predict(some), label, PAPER.loss).total
            (total * len(some) / len(clips)).backward()
        optimizer.step()

    return step


def measure(frames: Tensor, given: argparse.Namespace) -> dict[str, list[Seconds]]:
    """Time full steps, condensing a batch, and steps behind the frozen encoder."""
    model = build_model(PAPER.model, INPUT).train()

    def whole(some: Tensor) -> ModelOutput:
        return model(to_input(some, INPUT))

    step_of(model, whole, frames[: given.part], given.part)()
    full = step_of(model, whole, frames, given.part)
    found = {"full step": [seconds("full", full) for _ in range(given.full)]}
    freeze_encoder(model)
    features: list[Tensor] = []

    def condense() -> Tensor:
        return condense_clips(model, frames, INPUT, device=torch.device("cpu"), batch=given.batch)

    with tempfile.TemporaryDirectory() as folder:

        def keep() -> None:
            features.append(kept_condensed(Path(folder), "a key", condense))

        found["condensing and keeping"] = [seconds("condensing", keep)]
    frozen = step_of(model.train(), model.predict_from, features[0], given.batch)
    frozen()
    found["frozen step"] = [seconds("frozen", frozen) for _ in range(given.frozen)]
    return found


def tell(found: dict[str, list[Seconds]], batch: int) -> None:
    """Print medians, the ratio of epochs, and fits of several lengths with the condensing."""
    print(f"| batch of {batch} | wall s | from | to | CPU s | times |\n|{'---|' * 6}")
    for name, times in found.items():
        walls = [one.wall for one in times]
        row = (median(times).wall, min(walls), max(walls), median(times).cpu)
        print(f"| {name} | {' | '.join(f'{value:.3f}' for value in row)} | {len(times)} |")
    full, condensing, frozen = (median(times) for times in found.values())
    faster = Seconds(*(a / b for a, b in zip(full, frozen, strict=True)))
    verdict = "as wanted" if min(faster) >= FLOOR else "TOO LITTLE"
    print(f"\nan epoch: {faster.wall:.0f}x faster by the clock, {faster.cpu:.0f}x of the CPU")
    print(f"wanted: {FLOOR}x, {verdict}\n")
    steps = CLIPS_OF_A_FOLD / batch / 3600
    print(f"| {CLIPS_OF_A_FOLD} clips, epochs | all, h | frozen with condensing, h | faster |")
    print(f"|{'---|' * 4}")
    for epochs in EPOCHS:
        whole = full.wall * epochs * steps
        behind = (condensing.wall + frozen.wall * epochs) * steps
        print(f"| {epochs} | {whole:.2f} | {behind:.2f} | {whole / behind:.1f}x |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("batch", 8), ("part", 2), ("full", 2), ("frozen", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    keep_freed_memory()
    torch.manual_seed(0)
    frames = torch.randint(0, 256, (given.batch, 16, 150, 150, 3), dtype=torch.uint8)
    tell(measure(frames, given), given.batch)


if __name__ == "__main__":
    main()
