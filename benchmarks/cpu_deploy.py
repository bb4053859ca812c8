"""How fast a model predicts on the CPU: in torch, and exported to OpenVINO in float32 and int8.

    python benchmarks/cpu_deploy.py                          # the paper's model, untrained
    python benchmarks/cpu_deploy.py --model DIR --clips DIR  # a trained one and its clips

One clip at a time; each case in a process of its own, all cases in turn, several rounds. Printed
are medians, and ratios to eager torch: on a machine with other work, those of CPU seconds count.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from rostfine.clips.dataset import load_bank
from rostfine.evaluation.predict import predict
from rostfine.export import ExportReport, export_model
from rostfine.export.exported import compile_graph
from rostfine.export.settings import GRAPH, read_report
from rostfine.memory import keep_freed_memory
from rostfine.models import build_experiment
from rostfine.models.divided import Block
from rostfine.models.inference import fold_time
from rostfine.params import load_params
from rostfine.training.saved import ModelSettings, load_model, save_model

CASES = ("eager", "fp32", "int8", "sgemm")
SGEMM = 2048
SGEMMS = 5


def main() -> None:
    """Export the model twice, measure every case in turn, and print the table."""
    args = _arguments()
    if args.case:
        print(json.dumps(_measure(args)))
        return
    with TemporaryDirectory() as scratch:
        args.work = args.work or Path(scratch)
        args.model = args.model or _untrained(args.work / "model")
        reports = _export(args)
        rounds = [{case: _in_process(case, args) for case in CASES} for _ in range(args.rounds)]
        _print_table(rounds, reports)
        if args.profile:
            for name in reports:
                _print_profile(name, args)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="folder of a saved model")
    parser.add_argument("--clips", type=Path, help="folder of clips to calibrate and compare on")
    parser.add_argument("--calibration", type=int, default=12, help="so many of the clips")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=5, help="of a case in each round")
    parser.add_argument(
        "--profile", action="store_true", help="also where OpenVINO spends its time"
    )
    parser.add_argument("--work", type=Path, help="folder that keeps the exported models")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    return parser.parse_args()


def _untrained(folder: Path) -> Path:
    params = load_params(Path(__file__).parents[1] / "params.yaml")
    experiment = params.experiments["rostfine"]
    torch.manual_seed(0)
    model = build_experiment(experiment)
    for block in model.modules():
        if isinstance(block, Block) and isinstance(block.temporal_fc, torch.nn.Linear):
            # It starts at zero, and would leave nothing to compute after attention in time.
            torch.nn.init.trunc_normal_(block.temporal_fc.weight, std=0.02)
    save_model(
        folder,
        model,
        ModelSettings("untrained", "nothing", "", experiment, params.tracking, params.clips),
    )
    return folder


def _export(args: argparse.Namespace) -> dict[str, ExportReport]:
    model, settings = load_model(args.model)
    clips = _clips(args, settings)
    reports = {}
    for name, calibration in (("fp32", None), ("int8", clips)):
        folder = args.work / name
        reports[name] = (
            read_report(folder)
            if folder.exists()
            else export_model(
                model,
                settings.experiment.input,
                folder,
                calibration=calibration,
                # Measured here, whatever it is.
                largest_difference=1.0,
            )
        )
    return reports


def _clips(args: argparse.Namespace, settings: ModelSettings) -> torch.Tensor:
    if args.clips:
        names = sorted(path.stem for path in args.clips.glob("*.npz"))
        step = max(len(names) // args.calibration, 1)
        return load_bank(args.clips, names[::step][: args.calibration]).frames
    shape = (args.calibration, settings.clips.frames, *[settings.clips.size_px] * 2, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8)


def _in_process(case: str, args: argparse.Namespace) -> dict[str, float]:
    options = {"case": case, "model": args.model, "work": args.work}
    options |= {"threads": args.threads, "runs": args.runs}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    # Threads that wait must not count as work.
    here = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(
        [sys.executable, __file__, *words], env=here, check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _measure(args: argparse.Namespace) -> dict[str, float]:
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    run = _sgemm() if args.case == "sgemm" else _prediction(args)
    run()
    wall, cpu = [], []
    for _ in range(args.runs):
        started, used = time.perf_counter(), time.process_time()
        run()
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    return {"wall": statistics.median(wall), "cpu": statistics.median(cpu)}


def _sgemm() -> Any:
    one, other = torch.randn(2, SGEMM, SGEMM)
    return lambda: [one @ other for _ in range(SGEMMS)]


def _prediction(args: argparse.Namespace) -> Any:
    model, settings = load_model(args.model)
    wanted = settings.experiment.input
    frames = torch.randint(0, 256, (1, wanted.frames, 150, 150, 3), dtype=torch.uint8)
    if args.case == "eager":
        folded = fold_time(model)
        return lambda: predict(folded, frames, wanted)
    exported = compile_graph(args.work / args.case / GRAPH, wanted, args.threads)
    return lambda: exported(frames)


def _print_table(rounds: list[dict[str, Any]], reports: dict[str, ExportReport]) -> None:
    medians = {
        case: {kind: statistics.median(r[case][kind] for r in rounds) for kind in ("wall", "cpu")}
        for case in CASES
    }
    print(f"CPU: {torch.backends.cpu.get_cpu_capability()}")
    rate = 2 * SGEMM**3 * SGEMMS / 1e9 / medians.pop("sgemm")["cpu"]
    print(f"sgemm: {rate:.0f} GFLOP for each CPU second")
    print(
        f"{'case':8}{'wall s':>8}{'CPU s':>8}{'x wall':>8}{'x CPU':>8}  largest |dp|, same patches"
    )
    eager = medians["eager"]
    for case, found in medians.items():
        ratios = [eager[kind] / found[kind] for kind in ("wall", "cpu")]
        report = reports.get(case)
        said = f"{report.largest_difference:.1e}, {report.same_patches}" if report else ""
        figures = [found["wall"], found["cpu"], *ratios]
        print(f"{case:8}" + "".join(f"{figure:8.2f}" for figure in figures) + f"  {said}")


def _print_profile(name: str, args: argparse.Namespace) -> None:
    settings = load_model(args.model)[1].experiment.input
    exported = compile_graph(args.work / name / GRAPH, settings, args.threads, PERF_COUNT=True)
    frames = torch.randint(0, 256, (1, settings.frames, 150, 150, 3), dtype=torch.uint8)
    for _ in range(2):
        exported(frames)
    spent: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in exported.request.profiling_info:
        spent[row.node_type, row.exec_type].append(row.real_time.total_seconds())
    whole = sum(sum(times) for times in spent.values())
    print(f"\n{name}: {whole:.2f} s of layers")
    for (kind, how), times in sorted(spent.items(), key=lambda item: -sum(item[1]))[:12]:
        print(f"  {sum(times) / whole:6.1%}  {len(times):4} x {kind} ({how})")


if __name__ == "__main__":
    main()
