"""How fast RoSTFine at real size is against a plain eager one and against the matrix product.

    python benchmarks/model_speed.py [--rounds 3] [--cases ours_b8 plain_b8 ...]

Each case runs in a process of its own, in turn, `--rounds` times; medians are compared. Ours keep
freed memory as our commands do (`rostfine.memory`); the plain ones do not, but for `plain_b8_kept`,
which shows what of the difference that is. With a GPU the GPU's cases run instead.
"""

import argparse
import dataclasses
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from plain_rostfine import PlainRoSTFine
from torch.utils.flop_counter import FlopCounterMode

from rostfine.losses import objective
from rostfine.memory import keep_freed_memory
from rostfine.models import build_model
from rostfine.models.inference import fold_time
from rostfine.params import AugmentParams, LossParams, load_params
from rostfine.training.data import Samples
from rostfine.training.grades import Grades
from rostfine.training.loop import fit
from rostfine.training.team import Team

ROOT = Path(__file__).parents[1]
PAPER = load_params(ROOT / "params.yaml").experiments["rostfine"]
MODEL = dataclasses.replace(PAPER.model, drop_path=0.0)
LIGHT = AugmentParams("quarter", flip=True, shift=0.0, brightness=0.1, contrast=0.2, blur_px=0.0)
LOSS = LossParams("mse", 1.0, ("gs", "gt", "st"))
NOMINAL_FLOP_S = 989e12
"""Dense bfloat16 products of an H200, by its maker."""
MATRIX = {"cpu": 2048, "cuda": 8192}


def build() -> torch.nn.Module:
    """Seeded weights, moved off zero, so that time takes part."""
    torch.manual_seed(0)
    model = build_model(MODEL, PAPER.input)
    with torch.no_grad():
        for block in model.encoder.blocks:
            torch.nn.init.trunc_normal_(block.temporal_fc.weight, std=0.02)
    return model.eval()


def clips(batch: int, device: str = "cpu") -> torch.Tensor:
    """Standardised noise of real size."""
    size = (batch, 3, PAPER.input.frames, PAPER.input.image_px, PAPER.input.image_px)
    return torch.randn(size, generator=torch.Generator().manual_seed(1)).to(device)


def flop_of_a_clip() -> float:
    """Count 2 per multiply-add of the plain forward pass, without running it."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        encoder = build_model(MODEL, PAPER.input)
        PlainRoSTFine(encoder)(torch.empty(1, 3, 8, 224, 224))
    return float(counter.get_total_flops())


def product_rate(device: str) -> tuple[float, float]:
    """FLOP a second, of the clock and of the CPU, of a square product: sgemm, or bf16 on a GPU."""
    side = MATRIX[device]
    kind = torch.float32 if device == "cpu" else torch.bfloat16
    matrix = torch.randn(side, side, device=device, dtype=kind)
    found = measure(lambda: matrix @ matrix, 8, device)
    return 2 * side**3 / found["wall_s"], 2 * side**3 / found["cpu_s"]


def synchronise(device: str) -> None:
    """Wait for the GPU, if it is one."""
    if device == "cuda":
        torch.cuda.synchronize()


def measure(step: Callable[[], object], times: int, device: str = "cpu") -> dict[str, float]:
    """Run once to warm up, then take medians."""
    step()
    walls, cpus = [], []
    for _ in range(times):
        synchronise(device)
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        synchronise(device)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {"wall_s": statistics.median(walls), "cpu_s": statistics.median(cpus)}


def forward(make: Callable[[], torch.nn.Module], batch: int, times: int) -> dict[str, object]:
    """Predict a batch; the first distribution tells whether two cases agree."""
    model, given = make(), clips(batch)
    with torch.inference_mode():
        found = model(given).distribution.flatten().tolist()
        return {**measure(lambda: model(given), times), "p": found, "clips": batch}


def train_plain(batch: int) -> dict[str, object]:
    """One step as the published trainer does it."""
    model, given = PlainRoSTFine(build()), clips(batch)
    label = torch.full((batch, 5), 0.2)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)

    def step() -> None:
        terms = objective(model(given), label, LOSS)
        optimizer.zero_grad()
        terms.total.backward()
        optimizer.step()

    return {**measure(step, 2), "clips": batch}


def train(batch: int, count: int, device: str = "cpu", **changes: object) -> dict[str, object]:
    """Epochs of the training loop itself, on `count` clips as they are stored."""
    settings = dataclasses.replace(
        PAPER,
        model=MODEL,
        fit=dataclasses.replace(PAPER.fit, batch=batch, epochs=3, **changes),
    )
    frames = torch.randint(0, 256, (count, 16, 150, 150, 3), dtype=torch.uint8)
    samples = Samples(frames, torch.full((count, 5), 0.2))
    marks: list[tuple[float, float]] = []

    def mark(epoch: object) -> None:
        marks.append((time.perf_counter(), time.process_time()))

    fit(samples, Grades(settings), team=Team(torch.device(device)), on_epoch=mark)
    walls, cpus = zip(*marks, strict=True)
    steps = count // batch
    return {
        "wall_s": (walls[-1] - walls[0]) / (len(walls) - 1) / steps,
        "cpu_s": (cpus[-1] - cpus[0]) / (len(cpus) - 1) / steps,
        "clips": batch,
    }


def compiled() -> torch.nn.Module:
    """The folded model, compiled; what was compiled is kept in the folder of TORCHINDUCTOR."""
    model = fold_time(build())
    model.compile()
    return model


def forward_gpu(batch: int) -> dict[str, object]:
    """Predict in bfloat16, compiled."""
    model, given = fold_time(build()).to("cuda"), clips(batch, "cuda")
    model.compile()

    def step() -> None:
        with torch.autocast("cuda", dtype=torch.bfloat16):
            model(given)

    with torch.inference_mode():
        return {**measure(step, 20, "cuda"), "clips": batch}


CPU_CASES: dict[str, Callable[[], dict[str, object]]] = {
    "plain_b1": lambda: forward(lambda: PlainRoSTFine(build()), 1, 5),
    "ours_b1": lambda: forward(lambda: fold_time(build()), 1, 5),
    "compiled_b1": lambda: forward(compiled, 1, 5),
    "plain_b8": lambda: forward(lambda: PlainRoSTFine(build()), 8, 2),
    "plain_b8_kept": lambda: forward(lambda: PlainRoSTFine(build()), 8, 2),
    "ours_b8": lambda: forward(lambda: fold_time(build()), 8, 2),
    "plain_train_b2": lambda: train_plain(2),
    "train_b2": lambda: train(2, 2),
    "train_b2_compiled": lambda: train(2, 2, compile=True),
    "train_b2_checkpointed": lambda: train(2, 2, checkpoint_activations=True),
}
GPU_CASES: dict[str, Callable[[], dict[str, object]]] = {
    "gpu_forward_b32": lambda: forward_gpu(32),
    "gpu_train_b32": lambda: train(32, 320, "cuda", precision="bf16", augment=LIGHT),
    "gpu_train_b32_compiled": lambda: train(
        32, 320, "cuda", precision="bf16", augment=LIGHT, compile=True
    ),
    "gpu_train_b32_checkpointed": lambda: train(
        32, 320, "cuda", precision="bf16", augment=LIGHT, checkpoint_activations=True
    ),
}
AGAINST = {
    "ours_b1": "plain_b1",
    "compiled_b1": "plain_b1",
    "ours_b8": "plain_b8",
    "train_b2": "plain_train_b2",
    "train_b2_compiled": "plain_train_b2",
    "train_b2_checkpointed": "plain_train_b2",
}


def run_case(name: str) -> None:
    """Run one case in this process and print it as JSON."""
    device = "cuda" if name.startswith("gpu") else "cpu"
    if not name.startswith("plain") or name.endswith("kept"):
        keep_freed_memory()
    before = product_rate(device)
    found = {**CPU_CASES, **GPU_CASES}[name]()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if device == "cuda":
        peak = torch.cuda.max_memory_allocated() / 2**30
    # The mean of before and after, because other work on the machine comes and goes.
    clock, cpu = ((a + b) / 2 for a, b in zip(before, product_rate(device), strict=True))
    rates = {"product_flop_s": clock, "product_flop_cpu_s": cpu}
    print(json.dumps({**found, "peak_gib": peak, **rates}))


def run_all(names: list[str], rounds: int) -> dict[str, dict[str, float]]:
    """Run each case in turn, round after round; medians by case."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as cache:
        # Threads that wait must not count as work.
        here = {"OMP_WAIT_POLICY": "PASSIVE", "TORCHINDUCTOR_CACHE_DIR": cache}
        for _ in range(rounds):
            for name in names:
                command = [sys.executable, __file__, "--case", name]
                done = subprocess.run(
                    command, env={**os.environ, **here}, capture_output=True, text=True, check=False
                )
                if done.returncode:
                    sys.exit(f"{name}: {done.stderr[-2000:]}")
                found[name].append(json.loads(done.stdout.splitlines()[-1]))
                print(f"# {name}: {found[name][-1]['wall_s']:.2f} s", file=sys.stderr, flush=True)
    return {
        name: {key: median([run[key] for run in runs]) for key in runs[0]}
        for name, runs in found.items()
    }


def median(values: list[float]) -> float:
    """The median, of lists position by position."""
    if isinstance(values[0], list):
        return [statistics.median(column) for column in zip(*values, strict=True)]
    return statistics.median(values)


def tell(cases: dict[str, dict[str, float]], flop: float) -> None:
    """Print the table: times, ratios to the plain way, and the share of the product's rate."""
    print(f"{flop / 1e9:.1f} GFLOP a clip, forward; a step is three times that")
    heads = "case | wall s | CPU s | faster, wall | faster, CPU | of floor, wall | of floor, CPU"
    print(f"| {heads} | peak GiB | dp |\n|{'---|' * 9}")
    for name, case in cases.items():
        print("| " + " | ".join(row_of(name, case, cases.get(AGAINST.get(name, "")), flop)) + " |")
    for name in (name for name in cases if name.startswith("gpu")):
        tell_gpu(name, cases[name], flop)
    rates = [case["product_flop_s"] for case in cases.values()]
    print(f"matrix product: median {statistics.median(rates) / 1e9:.0f} GFLOP/s")


def tell_gpu(name: str, case: dict[str, float], flop: float) -> None:
    """Print clips a second, the share of the GPU's nominal peak, and what the paper's run takes."""
    rate = case["clips"] / case["wall_s"]
    work = flop * (3 if "train" in name else 1)
    print(f"{name}: {rate:.0f} clips/s, MFU {rate * work / NOMINAL_FLOP_S:.0%} of an H200's peak")
    if "train" in name:
        # Five folds, 300 epochs, 492 of the paper's 615 clips each.
        print(f"  the paper's cross-validation: {5 * 300 * 492 / rate / 60:.0f} minutes")


def row_of(
    name: str, case: dict[str, float], plain: dict[str, float] | None, flop: float
) -> list[str]:
    """Write one case; the floor is its work at the rate of the matrix product."""
    work = flop * case["clips"] * (3 if "train" in name else 1)
    clocks = (("wall_s", "product_flop_s"), ("cpu_s", "product_flop_cpu_s"))
    times = [f"{case[clock]:.2f}" for clock, _ in clocks]
    faster = [f"{plain[clock] / case[clock]:.2f}x" if plain else "" for clock, _ in clocks]
    of_floor = [f"{work / case[rate] / case[clock]:.2f}" for clock, rate in clocks]
    share = f" ({case['peak_gib'] / plain['peak_gib']:.2f}x)" if plain else ""
    apart = ""
    if plain and "p" in case:
        apart = f"{max(abs(a - b) for a, b in zip(case['p'], plain['p'], strict=True)):.0e}"
    return [name, *times, *faster, *of_floor, f"{case['peak_gib']:.2f}{share}", apart]


def main() -> None:
    """Run all cases, or as a child process one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case")
    parser.add_argument("--cases", nargs="+")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.case:
        return run_case(given.case)
    names = given.cases or list(GPU_CASES if torch.cuda.is_available() else CPU_CASES)
    return tell(run_all(names, given.rounds), flop_of_a_clip())


if __name__ == "__main__":
    main()
