"""What augmentation costs beside the step of the model that it feeds, in one run.

    python benchmarks/augment_speed.py [--rounds 3]

A step is a forward and a backward pass of the preset's RoSTFine, on the CPU with few clips, as it
takes as long per clip with more. Each line gives medians for one clip, and what the augmentation
adds to the step. Time on the CPU is that of its cores, so that other work does not count.
"""

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from rostfine.clips.augment import augment, draw
from rostfine.losses import objective
from rostfine.memory import keep_freed_memory
from rostfine.models import build_model
from rostfine.params import AugmentParams, ExperimentParams, load_params
from rostfine.variants import named_variant

ROOT = Path(__file__).parents[1]
QUARTER = AugmentParams("quarter", flip=True, shift=0, brightness=0.1, contrast=0.2, blur_px=0)
SETTINGS = {
    "quarter turns, flips, light": QUARTER,
    "any turn, flips, shifts, light": dataclasses.replace(QUARTER, turn="any", shift=0.1),
    "the same and blur up to 1 px": dataclasses.replace(
        QUARTER, turn="any", shift=0.1, blur_px=1.0
    ),
}
BATCHES = {"params.small.yaml": (16, 16), "params.yaml": (8, 2)}
"""Clips of an augmentation, and of a step on the CPU."""


def milliseconds(act: Callable[[], object], device: str, rounds: int) -> float:
    """Return the median of some rounds, after one that is not counted."""
    clock = time.perf_counter if device == "cuda" else time.process_time
    found = []
    for _ in range(rounds + 1):
        started = clock()
        act()
        if device == "cuda":
            torch.cuda.synchronize()
        found.append(1e3 * (clock() - started))
    return statistics.median(found[1:])


def make_step(experiment: ExperimentParams, clips: torch.Tensor) -> Callable[[], object]:
    """One forward and backward pass on random soft labels."""
    model = build_model(experiment.model, experiment.input).to(clips.device).train()
    labels = torch.rand(len(clips), 5, device=clips.device).softmax(dim=1)
    variant = named_variant(experiment.variant)

    def step() -> None:
        model.zero_grad(set_to_none=True)
        terms = objective(model(clips), labels, experiment.loss, variant)
        torch.autograd.backward(terms.total)

    return step


def compare(preset: str, device: str, rounds: int) -> None:
    """Print the step of a preset, and what each setting adds to it."""
    experiment = load_params(ROOT / preset).experiments["rostfine"]
    frames, side = experiment.input.frames, experiment.input.image_px
    batch, of_step = BATCHES[preset]
    of_step = batch if device == "cuda" else of_step
    clips = torch.randn(batch, 3, frames, side, side, device=device)
    step = milliseconds(make_step(experiment, clips[:of_step]), device, rounds) / of_step
    print(f"{preset}: a step takes {step:.1f} ms per clip of {frames}x{side}x{side}", flush=True)
    generator = torch.Generator().manual_seed(0)
    for name, params in SETTINGS.items():

        def change(params: AugmentParams = params) -> torch.Tensor:
            return augment(clips, draw(batch, params, generator), params)

        cost = milliseconds(change, device, 5 * rounds) / batch
        print(f"  {name:32} {cost:8.2f} ms {100 * cost / step:6.2f} %", flush=True)


def main() -> None:
    """Measure both presets where training would run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    keep_freed_memory()
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for preset in BATCHES:
        compare(preset, device, rounds)


if __name__ == "__main__":
    main()
