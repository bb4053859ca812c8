"""`rostfine visem check | simulate` and `rostfine semen`: whole semen samples."""

import json
import math
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rostfine.errors import InputError
from rostfine.progress import progress

if TYPE_CHECKING:
    from rostfine.tracking.field import FieldCount
    from rostfine.visem.faults import Fault
    from rostfine.visem.summary import Summary

WHOLE_LINES = 1000
"""Characters of a table's width, more than a line has."""

app = typer.Typer(no_args_is_help=True, help="Whole semen samples: motility and morphology.")


@app.callback()
def visem() -> None:
    """Whole semen samples: motility and morphology."""


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="The data set, as it was published.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    fast: Annotated[bool, typer.Option("--fast", help="Open no video.")] = False,
) -> None:
    """Tell all that is wrong with the tables and videos of FOLDER; faults make the exit code 1."""
    from rostfine.visem.check import check_dataset
    from rostfine.visem.summary import summarize

    checked = check_dataset(folder, open_videos=not fast)
    faults, summary = checked.dataset.faults, summarize(checked)
    if as_json:
        print(json.dumps({**asdict(summary), "faults": [asdict(fault) for fault in faults]}))
    else:
        _print_faults(faults)
        _print_summary(summary)
    if any(not fault.is_notice for fault in faults):
        raise typer.Exit(1)


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder, such as visem/data.")],
    participants: Annotated[int | None, typer.Option(help="Videos, a participant each.")] = None,
    differs: Annotated[
        str | None, typer.Option(help="Between participants: both, motion, form or nothing.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed, another data set.")] = None,
) -> None:
    """Fill FOLDER with simulated videos and tables, as such data are published."""
    from rostfine.simulate.semen import SemenSettings, simulate_semen

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: wanted a new or empty folder; nothing was changed")
    wanted = {"participants": participants, "differs": differs, "seed": seed}
    said: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    settings = replace(SemenSettings(), **said)
    with progress("simulating videos", settings.participants) as advance:
        simulate_semen(folder, settings, advance=advance)


def semen(
    video: Path,
    model: Annotated[
        str, typer.Option(help="As MLflow writes it; or a folder.")
    ] = "models:/visem-motility@champion",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw the field and the percentages: a PNG.")
    ] = None,
    um_per_px: Annotated[
        float | None, typer.Option(help="For the limits of WHO 2021 in the classical count.")
    ] = None,
    no_count: Annotated[
        bool, typer.Option("--no-count", help="Without the classical count.")
    ] = False,
) -> None:
    """Predict the percentages of a whole semen sample from VIDEO, a count of its cells beside."""
    from rostfine.visem.answer import MEANT, count_lines, plain_count
    from rostfine.visem.predictor import load_semen

    _check_asked(video, picture, um_per_px)
    sys.stderr.write(f"looking up {model}\n")
    predictor = load_semen(model)
    settings = predictor.settings
    with progress(f"predicting {video.name}", settings.frames.positions) as advance:
        answer = predictor.predict_video(video, advance=advance)
    # A count of what moves says nothing of forms, but its tracks are drawn.
    is_counted = not no_count and (settings.target == "motility" or picture is not None)
    count, fault = _count(video, um_per_px) if is_counted else (None, "")
    if picture is not None:
        from rostfine.visem.answer_picture import draw_answer

        try:
            draw_answer(answer, count, picture)
        except OSError as error:
            raise InputError(f"--picture {picture}: {error.strerror}") from error
    if as_json:
        counted = {
            "count": None if count is None else plain_count(count),
            "count_fault": fault or None,
        }
        print(json.dumps({**answer.plain(), **counted}, allow_nan=False))
        return
    told = [*answer.lines(), *(count_lines(count) if count else ())]
    print("\n".join([*told, *([f"no classical count: {fault}"] if fault else []), MEANT]))


def _check_asked(video: Path, picture: Path | None, um_per_px: float | None) -> None:
    """Raise InputError for what need not wait for a model."""
    if um_per_px is not None and not 0 < um_per_px < math.inf:
        raise InputError(f"--um-per-px: wanted a length of more than 0, got {um_per_px:g}")
    if not video.is_file():
        raise InputError(f"{video}: no such file; wanted a video")
    if picture is not None and picture.is_dir():
        raise InputError(f"--picture {picture}: wanted a file to write, got a folder")
    if picture is not None and picture.suffix.lower() != ".png":
        raise InputError(f"--picture {picture}: wanted a name that ends in .png")


def _count(video: Path, um_per_px: float | None) -> "tuple[FieldCount | None, str]":
    """Count the cells; a video that only a count cannot use keeps its answer, and a line."""
    from rostfine.tracking.field import FieldParams, count_field

    params, done = FieldParams(), 0
    with progress(f"counting cells of {video.name}", params.windows) as advance:

        def tell(steps: int = 1, note: str = "") -> None:
            nonlocal done
            done += steps
            advance(steps, note)

        try:
            count = count_field(video, params, um_per_px=um_per_px, advance=tell)
        except InputError as error:
            return None, str(error)
        finally:
            # A short video has fewer windows than are asked for.
            if done < params.windows:
                advance(params.windows - done)
    return count, ""


def _print_faults(faults: "tuple[Fault, ...]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("participant", "what", show_lines=True)
    for one in dict.fromkeys(fault.participant_id for fault in faults):
        own = [fault for fault in faults if fault.participant_id == one]
        of_one = sorted((fault.is_notice, fault.line) for fault in own)
        lines = [f"{'notice' if is_notice else 'fault'}: {line}" for is_notice, line in of_one]
        # Names of files are text, not markup.
        style = "dim" if all(is_notice for is_notice, _ in of_one) else ""
        table.add_row(one or "-", Text("\n".join(lines)), style=style)
    if table.row_count:
        # A line stays whole where another program reads it.
        Console(width=None if sys.stdout.isatty() else WHOLE_LINES).print(table)


def _print_summary(summary: "Summary") -> None:
    hours = "not opened" if summary.video_hours is None else f"{summary.video_hours:.2f} h"
    who = ", ".join(f"{name} {count}" for name, count in summary.assessors.items())
    rows = ", ".join(f"{name} {count}" for name, count in summary.table_rows.items())
    print(f"participants  {summary.participants} usable, {summary.participants_at_fault} at fault")
    print(f"tables        {rows} (rows)")
    print(f"videos        {hours}; assessors: {who or 'none'}")
    for target, said in summary.targets.items():
        outputs = ", ".join(
            f"{name} {_number(said.mean_pct[name])} +- {_number(said.sd_pct[name])}"
            for name in said.mean_pct
        )
        mae = f"mean error of always predicting the mean {_number(said.zero_r_mae_pct)}"
        print(f"{target:13} {said.participants} participants; {outputs}; {mae}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
