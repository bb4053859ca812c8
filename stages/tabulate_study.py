"""The tables and figures of a study: studies/<study>/runs -> its tables, figures, report.html."""

import argparse
import logging
from pathlib import Path

from rostfine.params import load_params
from rostfine.studies.forms import FORMS
from rostfine.studies.output import write_output
from rostfine.studies.results import read_results
from rostfine.studies.settings import load_study
from stages import run


def main() -> None:
    """Write what the form of the study that the command line names makes of its results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study")
    study = load_study(Path(), parser.parse_args().study, load_params(Path("params.yaml")))
    output = FORMS[study.form](read_results(study))
    write_output(output, study)
    logging.getLogger(__name__).info(
        "tabulate_study: %s, %d tables and %d figures in %s",
        study.name,
        len(output.tables),
        len(output.figures) + len(output.pictures),
        study.folder,
    )


if __name__ == "__main__":
    run(main)
