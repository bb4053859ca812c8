"""The only list of the forms that the results of a study may be put into."""

from collections.abc import Mapping
from typing import Final

from rostfine.errors import ParamsError
from rostfine.studies import (
    aggregation,
    attention,
    backbone_loss,
    baselines,
    dataset,
    features,
    folds,
    motion,
    pretraining,
    published,
    sweeps,
)
from rostfine.studies.output import Form
from rostfine.studies.settings import Study

FORMS: Final[Mapping[str, Form]] = {
    "aggregation": aggregation.tabulate,
    "attention": attention.tabulate,
    "backbone_loss": backbone_loss.tabulate,
    "baselines": baselines.tabulate,
    "dataset": dataset.tabulate,
    "features": features.tabulate,
    "folds": folds.tabulate,
    "motion": motion.tabulate,
    "pretraining": pretraining.tabulate,
    "published": published.tabulate,
    "sweeps": sweeps.tabulate,
}


def form_of(study: Study) -> Form:
    """Return what makes tables and figures of a study. Raises ParamsError if there is no such."""
    if study.form not in FORMS:
        known = " or ".join(FORMS)
        raise ParamsError(f"{study.folder}/params.yaml: form: wanted {known}, got {study.form!r}")
    return FORMS[study.form]
