"""What a study makes of its results, and how it is written."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from markupsafe import Markup

from rostfine.files import written_whole
from rostfine.report.figures import Figure, embed_picture
from rostfine.report.templates import fill
from rostfine.studies.results import Results
from rostfine.studies.settings import Study
from rostfine.studies.tables import PaperTable, write_table_as

TABLES: Final = "tables"
FIGURES: Final = "figures"
PAGE: Final = "report.html"
SAID_OF: Final[Mapping[str, str]] = {
    "small": "Setting small: tiny models, trained from nothing",
    "smoke": "Setting smoke: tiny models, hardly trained; this says nothing of sperm",
}


@dataclass(frozen=True)
class Picture:
    """A picture that is no drawing; `says` is what it shows."""

    name: str
    says: str
    png: bytes


@dataclass(frozen=True)
class Output:
    """All that a study shows."""

    title: str
    tables: tuple[PaperTable, ...] = ()
    figures: tuple[Figure, ...] = ()
    pictures: tuple[Picture, ...] = ()


Form = Callable[[Results], Output]


def write_output(output: Output, study: Study) -> None:
    """Write `tables`, `figures` and a page that shows all of them into the study's folder."""
    # A table or figure that is no longer made must not pass for one of now.
    for name in (TABLES, FIGURES):
        shutil.rmtree(study.folder / name, ignore_errors=True)
        (study.folder / name).mkdir(parents=True)
    output = replace(output, tables=tuple(_mark(table, study) for table in output.tables))
    for table in output.tables:
        write_table_as(table, study.folder / TABLES)
    for figure in output.figures:
        _write(study, f"{figure.name}.svg", figure.svg_file.encode())
        _write(study, f"{figure.name}.png", figure.png)
    for picture in output.pictures:
        _write(study, f"{picture.name}.png", picture.png)
    with written_whole(study.folder / PAGE) as beside:
        beside.write_text(_render(output, study))


def _mark(table: PaperTable, study: Study) -> PaperTable:
    """Say below a table of which setting it is, since it may be copied away from its page."""
    if not study.experiments or study.setting == "full":
        return table
    return replace(table, notes=(*table.notes, SAID_OF[study.setting]))


def _write(study: Study, name: str, content: bytes) -> None:
    with written_whole(study.folder / FIGURES / name) as beside:
        beside.write_bytes(content)


def _render(output: Output, study: Study) -> str:
    return fill(
        "study.html.j2",
        title=output.title,
        study=study.name,
        setting=study.setting,
        trains=bool(study.experiments),
        tables=[
            {"title": table.title, "texts": table.texts(), "notes": table.all_notes}
            for table in output.tables
        ],
        figures=[{"svg": Markup(figure.svg), "says": figure.says} for figure in output.figures],
        pictures=[
            {"uri": embed_picture(picture.png), "says": picture.says} for picture in output.pictures
        ],
    )
