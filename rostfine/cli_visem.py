"""`rostfine visem check`: whole semen samples."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
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
