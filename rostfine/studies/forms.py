"""The only list of the forms that the results of a study may be put into."""

from collections.abc import Mapping
from typing import Final

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
from rostfine.studies.settings import FormName

FORMS: Final[Mapping[FormName, Form]] = {
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
