"""`rostfine votes history | collect`: the experts' votes of a workspace."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rostfine.errors import InputError
from rostfine.workspace import is_workspace

if TYPE_CHECKING:
    import pandas as pd

    from rostfine.labels.collection import Collection

app = typer.Typer(no_args_is_help=True, help="Who voted what, and batches of new votes.")


@app.command()
def history(
    sample: str,
    workspace: Annotated[Path, typer.Option(help="Where it is tagged.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell who voted what on SAMPLE and when, which votes count, and the label they make."""
    from rostfine.labels.history import vote_history

    _check(workspace)
    votes = vote_history(workspace, sample)
    label = _label(votes, sample)
    if as_json:
        rows = votes.assign(voted_at=[at.isoformat() for at in votes["voted_at"]])
        print(json.dumps({"sample_id": sample, "votes": rows.to_dict("records"), "label": label}))
        return
    _print_history(votes, sample)
    if label:
        print("  ".join(f"{grade} {probability:.3f}" for grade, probability in label.items()))


@app.command()
def collect(
    workspace: Annotated[Path, typer.Argument(help="With votes in data/votes.")] = Path(),
) -> None:
    """Accept the new batches of votes of WORKSPACE; those with faults are set aside."""
    from rostfine.labels.batches import collect_batches
    from rostfine.params import load_params

    _check(workspace)
    settled_s = load_params(workspace / "params.yaml").retrain.settled_s
    collection = collect_batches(workspace, settled_s=settled_s)
    _print_collection(collection)
    print(collection)
    if collection.rejected:
        raise typer.Exit(1)


def _check(workspace: Path) -> None:
    if not is_workspace(workspace):
        raise InputError(f"{workspace}: wanted a workspace, with dvc.yaml and params.yaml")


def _label(votes: "pd.DataFrame", sample: str) -> dict[str, float]:
    """Return the probability of each grade; nothing without votes."""
    from rostfine.labels.aggregate import aggregate_votes
    from rostfine.params import LabelParams
    from rostfine.schemas import GRADES

    if votes.empty:
        return {}
    params = LabelParams(min_votes=1, on_missing_votes="stop")
    label = aggregate_votes(votes.assign(sample_id=sample), [sample], params).iloc[0]
    return {grade: float(label[f"p_{grade}"]) for grade in GRADES}


def _print_history(votes: "pd.DataFrame", sample: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(f"{sample}: {votes['counts'].sum()} of {len(votes)} votes count"))
    for column in ("voted at", "expert", "grade", "batch", "counts"):
        table.add_column(column)
    for at, expert, grade, batch, counts in votes.itertuples(index=False, name=None):
        cells = (f"{at:%Y-%m-%d %H:%M:%S}", expert, grade, batch, "yes" if counts else "superseded")
        # Names are text, not markup.
        table.add_row(*map(Text, cells), style="" if counts else "dim")
    Console().print(table)


def _print_collection(collection: "Collection") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for column in ("batch", "", "new votes", "experts", "samples"):
        table.add_column(column)
    for batch in collection.accepted:
        counts = (batch.new_votes, len(batch.experts), len(batch.samples))
        table.add_row(Text(batch.name), "accepted", *map(str, counts))
    for rejected in collection.rejected:
        table.add_row(Text(rejected.name), f"rejected, faults: {len(rejected.faults)}")
    for name in collection.waiting:
        table.add_row(Text(name), "still arriving")
    if table.row_count:
        Console().print(table)
    for rejected in collection.rejected:
        print(f"{rejected.kept_as}: {rejected.faults[0]}")
