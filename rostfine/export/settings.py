"""What lies in the folder of an exported model, and what its `export.json` tells."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from rostfine.errors import InputError, ParamsError
from rostfine.files import read_json, sha256_of
from rostfine.params import InputParams
from rostfine.parsing import parse

GRAPH: Final = "model.xml"
WEIGHTS: Final = "model.bin"
REPORT: Final = "export.json"


@dataclass(frozen=True)
class ExportReport:
    """How a model was exported, and how far its predictions are from those it came from.

    `largest_difference` is that of any probability of `clips_compared` clips, and `same_patches`
    the share of their frames in which the same patches are selected; None where none are.
    """

    precision: Literal["fp32", "int8"]
    input: InputParams
    openvino: str  # the version that wrote the graph
    clips_calibrated: int
    clips_compared: int
    largest_difference: float
    largest_allowed: float
    same_patches: float | None
    sha256_graph: str
    sha256_weights: str


def read_report(folder: Path) -> ExportReport:
    """Read `export.json`, and check that the files beside it are those it was written with.

    Raises InputError naming the file that is missing, malformed or another.
    """
    path = folder / REPORT
    try:
        report = parse(ExportReport, read_json(path))
        for name, wanted in ((GRAPH, report.sha256_graph), (WEIGHTS, report.sha256_weights)):
            found = sha256_of(folder / name)
            if found != wanted:
                raise InputError(f"{folder / name}: wanted SHA-256 {wanted}, got {found}")
    except ParamsError as error:
        raise InputError(f"{path}: {error}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: not an exported model: {error}") from error
    return report
