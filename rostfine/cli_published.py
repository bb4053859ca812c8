"""`rostfine train | test`: the published command lines, flag by flag.

They run in a workspace, whose tables take the place of the published pickles.
"""

import inspect
from collections.abc import Callable
from contextlib import chdir
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import Any

import typer

from rostfine.errors import InputError
from rostfine.progress import progress
from rostfine.published.flags import Flags, refuse_replaced
from rostfine.workspace import is_workspace

Command = Callable[[Flags, frozenset[str]], None]


def _with_flags(run: Command) -> Callable[..., None]:
    """Make a command of a function of the flags, and of the names of those that were written."""

    @wraps(run)
    def command(ctx: Any, **values: Any) -> None:
        flags = Flags(**values)
        refuse_replaced(flags)
        _check_workspace(flags.data_dir)
        sources = {name: ctx.get_parameter_source(name) for name in values}
        written = (name for name, source in sources.items() if source and source.name != "DEFAULT")
        run(flags, frozenset(written))

    # Typer reads a command's options from its signature.
    context = inspect.Parameter(
        "ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
    )
    options = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type
        )
        for field in fields(Flags)
    ]
    command.__signature__ = inspect.Signature([context, *options])  # type: ignore[attr-defined]
    return command


@_with_flags
def train(flags: Flags, given: frozenset[str]) -> None:
    """Cross-validate a model by the flags of the published train.py."""
    from rostfine.published.experiment import to_experiment
    from rostfine.published.places import refuse_kept
    from rostfine.published.training import train as train_experiment

    experiment = to_experiment(flags)
    out = (flags.output_dir or Path("output")).resolve()
    refuse_kept(out)
    device = "gpu" if flags.device == "cuda" else flags.device
    with chdir(flags.data_dir):
        run = train_experiment(experiment, flags.model_name, out, device=device, folds=flags.kfold)
    print(f"{run}: weights, history and predictions of each fold, and metrics.json")
    print(f"rostfine test --load-dir {run}")


@_with_flags
def evaluate(flags: Flags, given: frozenset[str]) -> None:
    """Predict the folds of a run again by its saved models, and print metrics."""
    from rostfine.published.held import check_run
    from rostfine.published.places import results_folder
    from rostfine.published.testing import predict_run, write_tested

    settings = check_run(flags, given)
    assert flags.load_dir is not None
    load_dir = flags.load_dir.resolve()
    out = results_folder(load_dir, flags.output_dir and flags.output_dir.resolve())
    with chdir(flags.data_dir):
        tested = predict_run(flags, load_dir, settings)
    count = len(tested.truth.sample_ids)
    with progress("pictures", count) as advance:
        write_tested(tested, out, size_in=(flags.plot_w, flags.plot_h), advance=advance)
    _print_table(tested.texts(), f"{settings.experiment.model.name}, {count} clips")
    print(f"{out}: metrics.json, and a picture of each clip in samples")


def _print_table(texts: list[list[str]], title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    heading, *rows = texts
    table = Table(*heading, title=title)
    for row in rows:
        table.add_row(*row)
    # Wide enough for every metric: a narrow terminal may break lines, but not cut numbers.
    Console(width=240).print(table)


def _check_workspace(workspace: Path) -> None:
    if not is_workspace(workspace):
        raise InputError(f"--data-dir: wanted a workspace ('rostfine init'), got {workspace}")
