"""Tables in the form of the papers: what was measured here, and beside it what they print."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd

from rostfine.evaluation.writing import pipes
from rostfine.files import written_whole

COLUMNS: Final = ("row", "column", "mean", "sd", "low", "high", "paper", "paper_sd")
PAPER: Final = "paper*"
NOT_COMPARABLE: Final = "* As the paper prints it: other sperm, experts and weights, not comparable"
PAPER_SD_DIGITS: Final = 2
LATEX: Final[Mapping[str, str]] = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "±": r"$\pm$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"${sign}$" for sign in "<>|"},
    "⁻²": "$^{-2}$",
    "²": "$^{2}$",
    "α": r"$\alpha$",
    "ε": r"$\epsilon$",
    "†": r"$\dagger$",
    "–": "--",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "√": r"$\surd$",
}


@dataclass(frozen=True)
class PaperTable:
    """A table: a line of `cells` (COLUMNS) for each of its cells, in the order of rows and columns.

    Numbers that are missing are NaN; `digits` are those of a column's numbers. `corner` names the
    rows. `words` are columns of text that come first, by heading and row.
    """

    name: str
    title: str
    cells: pd.DataFrame
    digits: Mapping[str, int]
    notes: tuple[str, ...] = ()
    corner: str = ""
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def texts(self) -> list[list[str]]:
        """Return headings and rows as people read them, the paper's numbers beside ours."""
        found: dict[tuple[str, str], Any] = {
            (line["row"], line["column"]): line for line in self.cells.to_dict("records")
        }
        rows = dict.fromkeys(self.cells["row"])
        columns = [[self.corner, *rows]]
        columns += [
            [head, *(said.get(row, "") for row in rows)] for head, said in self.words.items()
        ]
        for column in dict.fromkeys(self.cells["column"]):
            lines = [found.get((row, column)) for row in rows]
            digits = self.digits[column]
            columns.append([column, *(_ours(line, digits) for line in lines)])
            printed = [_papers(line, digits) for line in lines]
            if any(printed):
                columns.append([f"{column}, {PAPER}", *printed])
        return [list(row) for row in zip(*columns, strict=True)]

    @property
    def all_notes(self) -> tuple[str, ...]:
        """Return what stands below it."""
        return (*self.notes, *([NOT_COMPARABLE] if self.cells["paper"].notna().any() else []))


def cell(
    row: str,
    column: str,
    mean: float,
    sd: float = math.nan,
    *,
    limits: Sequence[float] = (),
    paper: Sequence[float] = (),
) -> dict[str, Any]:
    """Return a line of cells; `paper` holds what it prints there: a mean, or a mean and an sd."""
    low, high = [*limits, math.nan, math.nan][:2]
    printed, printed_sd = [*paper, math.nan, math.nan][:2]
    return dict(zip(COLUMNS, (row, column, mean, sd, low, high, printed, printed_sd), strict=True))


def make_table(
    name: str,
    title: str,
    cells: Sequence[Mapping[str, Any]],
    digits: Mapping[str, int],
    *,
    notes: Sequence[str] = (),
    corner: str = "",
) -> PaperTable:
    """Make a table of the lines that `cell` returned."""
    frame = pd.DataFrame(list(cells), columns=list(COLUMNS))
    return PaperTable(name, title, frame, digits, tuple(notes), corner)


def to_markdown(table: PaperTable) -> str:
    """Write a table in Markdown."""
    notes = "".join(f"\n{note}\n" for note in table.all_notes)
    return f"## {table.title}\n\n{pipes(table.texts())}\n{notes}"


def to_latex(table: PaperTable) -> str:
    """Write a table in LaTeX; it wants the package booktabs."""
    heading, *rows = [[_escape(text) for text in row] for row in table.texts()]
    lines = [" & ".join(row) + r" \\" for row in rows]
    notes = [rf"\par\footnotesize {_escape(note)}" for note in table.all_notes]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_escape(table.title)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(heading) - 1)}}}",
            r"\toprule",
            " & ".join(heading) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            *notes,
            r"\end{table}",
            "",
        ]
    )


def write_table_as(table: PaperTable, folder: Path) -> None:
    """Write a table as Markdown, LaTeX and Parquet, by its name."""
    writers: Mapping[str, Callable[[PaperTable], str]] = {"md": to_markdown, "tex": to_latex}
    for suffix, write in writers.items():
        with written_whole(folder / f"{table.name}.{suffix}") as beside:
            beside.write_text(write(table))
    with written_whole(folder / f"{table.name}.parquet") as beside:
        table.cells.to_parquet(beside, index=False)


def _ours(line: Mapping[str, Any] | None, digits: int) -> str:
    if line is None or math.isnan(line["mean"]):
        return ""
    limits = "" if math.isnan(line["low"]) else _limits(line["low"], line["high"], digits)
    return _number(line["mean"], line["sd"], digits) + limits


def _limits(low: float, high: float, digits: int) -> str:
    return f" [{low:.{digits}f}, {high:.{digits}f}]"


def _papers(line: Mapping[str, Any] | None, digits: int) -> str:
    return "" if line is None else _number(line["paper"], line["paper_sd"], digits, PAPER_SD_DIGITS)


def _number(mean: float, sd: float, digits: int, sd_digits: int | None = None) -> str:
    if math.isnan(mean):
        return ""
    text = f"{mean:.{digits}f}"
    if mean and not float(text):
        text = f"{mean:.1g}"  # a small p is not 0
    return text + ("" if math.isnan(sd) else f" ± {sd:.{sd_digits or digits}f}")


def _escape(text: str) -> str:
    signs = "|".join(map(re.escape, LATEX))
    return re.sub(signs, lambda found: LATEX[found[0]], text)
