"""`rostfine heads`: sperm heads in stained pictures, found, outlined and called good or bad."""

import json
import math
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from rostfine.errors import InputError
from rostfine.progress import progress
from rostfine.workspace import CHECKOUT

if TYPE_CHECKING:
    from rostfine.morphology.agreement import Agreement
    from rostfine.morphology.check import Sizes, Summary
    from rostfine.morphology.params import DataParams
    from rostfine.morphology.shapes import Fault

WHOLE_LINES = 1000
"""Characters of a table's width, more than a line has."""

FIND = "find"
MEANT = "for research and teaching, not a medical device"
SIMULATED: Final[dict[str, Any]] = {
    "train": 260,
    "validation": 16,
    "test": 40,
    "width_px": 160,
    "height_px": 160,
    "um_per_px": 0.15,
    "sperm_per_picture": (6, 9),
}
"""What two CPU cores learn in minutes, by morphology/params.small.yaml."""


class FindsByDefault(TyperGroup):
    """Takes `heads PATH` for `heads find PATH`; a file that is called like a command needs ./."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command before what is none."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [FIND, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=FindsByDefault,
    no_args_is_help=True,
    help="Sperm heads in stained pictures: rostfine heads PICTURES --out DIR finds them "
    "(its options: rostfine heads find --help).",
)


@app.callback()
def heads() -> None:
    """Sperm heads in stained pictures: rostfine heads PICTURES --out DIR finds them.

    Its options: rostfine heads find --help.
    """


@app.command(FIND)
def find(
    pictures: Annotated[Path, typer.Argument(help="A picture, a video, or a folder of them.")],
    out: Annotated[Path, typer.Option(help="For annotated copies and tables.")],
    model: Annotated[
        str, typer.Option(help="As MLflow writes it; or a folder.")
    ] = "models:/head-morphology@champion",
    score: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of the least sure head that counts.")
    ] = None,
    um_per_px: Annotated[
        float | None, typer.Option(help="For measures in um; else the model's.")
    ] = None,
    opacity: Annotated[float, typer.Option(min=0, max=1, help="Of masks in the copies.")] = 0.5,
    labels: Annotated[bool, typer.Option(help="Class and score beside each head.")] = True,
    boxes: Annotated[bool, typer.Option(help="A box around each head.")] = True,
) -> None:
    """Find, outline and judge the heads in PICTURES (the default command)."""
    from rostfine.morphology.draw import Look
    from rostfine.morphology.predictor import load_head_model
    from rostfine.morphology.use import Wanted, count_steps, find_heads, list_sources

    if um_per_px is not None and not 0 < um_per_px < math.inf:
        raise InputError(f"--um-per-px: wanted a length of more than 0, got {um_per_px:g}")
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: wanted a folder, got a file")
    steps = sum(map(count_steps, list_sources(pictures, out)))
    predictor = load_head_model(model)
    wanted = Wanted(Look(opacity, labels=labels, boxes=boxes), score, um_per_px)
    with progress("finding heads", steps) as advance:
        findings = find_heads(pictures, predictor, out, wanted=wanted, advance=advance)
    for line in findings.lines():
        print(line)
    print(f"model {predictor.name}; all of it in {out}; {MEANT}")
    if findings.failures:
        raise InputError.of_faults(findings.failures)


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder: morphology/data.")],
    pictures: Annotated[int | None, typer.Option(help="To train on; to test on a third.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed, another data set.")] = None,
) -> None:
    """Fill FOLDER with simulated stained heads, annotated as labelme does."""
    from rostfine.simulate.heads import HeadSettings, simulate_heads

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: wanted a new or empty folder; nothing was changed")
    settings = HeadSettings(**SIMULATED)
    if pictures is not None:
        settings = replace(settings, train=pictures, validation=pictures // 6, test=pictures // 3)
    if seed is not None:
        settings = replace(settings, seed=seed)
    with progress("simulating pictures", settings.pictures) as advance:
        simulate_heads(folder, settings, advance=advance)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Pictures with labelme, VOC or COCO files.")],
    params: Annotated[
        Path | None, typer.Option(help="With the classes; else morphology/params.yaml.")
    ] = None,
    second: Annotated[
        Path | None, typer.Option(help="The same pictures by a second annotator.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell all that is wrong with the annotations of FOLDER; faults make the exit code 1."""
    from rostfine.morphology.check import read_second, read_told, summarize

    for one in filter(None, (folder, second)):
        if not one.is_dir():
            raise InputError(f"{one}: wanted a folder of annotated pictures, got none")
    settings = _data_params(params)
    dataset = read_told(folder, settings)
    other = read_second(second, settings) if second else None
    faults = (*dataset.faults, *(other.faults if other else ()))
    if not as_json:
        _print_faults(faults)
    summary = summarize(dataset, settings, other)
    if as_json:
        listed = [asdict(fault) for fault in faults]
        print(json.dumps({"faults": listed, **_plain(summary)}, allow_nan=False))
    else:
        _print_summary(summary)
    if any(fault.stops for fault in faults):
        raise typer.Exit(1)


def _data_params(path: Path | None) -> "DataParams":
    """Read the params that were named, else those of this workspace, else those of a new one."""
    from rostfine.morphology.params import PARAMS, load_morphology_params

    found = path or (PARAMS if PARAMS.exists() else CHECKOUT / PARAMS)
    return load_morphology_params(found).data


def _plain(summary: "Summary") -> dict[str, object]:
    agreement = summary.agreement
    told = {**asdict(agreement), "f1": agreement.f1} if agreement else None
    return {**asdict(summary), "agreement": told}


def _print_faults(faults: "tuple[Fault, ...]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("where", "kind", "what")
    for one in sorted(faults, key=lambda fault: not fault.stops):
        what = one.line if one.stops else f"notice: {one.line}"
        # Names of files are text, not markup.
        table.add_row(Text(one.where), one.kind, Text(what), style="" if one.stops else "dim")
    if table.row_count:
        # A line stays whole where another program reads it.
        Console(width=None if sys.stdout.isatty() else WHOLE_LINES).print(table)


def _print_summary(summary: "Summary") -> None:
    for split, count in summary.pictures.items():
        own = ", ".join(f"{name} {n}" for name, n in summary.instances[split].items())
        print(f"{split:11} {count} pictures; {own}")
    if summary.boxes_only:
        print(
            f"boxes       {summary.boxes_only} without an outline: the ellipse within stands for "
            "it; where boxes are of whole sperm with their tails, set data.boxes: refuse"
        )
    if summary.sizes:
        _print_sizes(summary.sizes)
    if summary.agreement:
        _print_agreement(summary.agreement)


def _print_sizes(sizes: "Sizes") -> None:
    for name in ("length", "width"):
        low, median, high = getattr(sizes, f"{name}_px")
        told = f"median {median:.1f} px, 90 % from {low:.1f} to {high:.1f}"
        if sizes.um_per_px:
            told += f"; median {median * sizes.um_per_px:.2f} um"
        print(f"{name:11} of {sizes.heads} heads: {told}")


def _print_agreement(found: "Agreement") -> None:
    print(
        f"annotators  {found.pictures} pictures of both: {found.matched} heads matched, "
        f"{found.only_first} of the first only, {found.only_second} of the second only; "
        f"F1 at IoU 0.5 {_number(found.f1)}"
    )
    print(
        f"            matched: mean IoU {_number(found.mean_iou)}, mean Dice "
        f"{_number(found.mean_dice)}, same class {found.same_class}"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
