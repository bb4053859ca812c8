"""`morphology/params.yaml` as frozen dataclasses, like those of the main pipeline."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from rostfine.errors import ParamsError
from rostfine.model_params import HeadNetParams
from rostfine.params import FitParams, TrainingParams
from rostfine.params_file import read_params
from rostfine.parsing import Between, Count, Share

FOLDER: Final = Path("morphology")
PARAMS: Final = FOLDER / "params.yaml"
Role = Literal["good", "bad", "head", "acrosome", "vacuole"]
HEADS: Final = ("good", "bad", "head")
"""Roles of whole heads; of a `head` the quality is not known."""
TAKEN: Final = frozenset({"missed", "spurious"})


@dataclass(frozen=True)
class ClassParams:
    """A class that the model finds: shapes with any of `labels`, of one group, make one of it."""

    labels: tuple[str, ...]
    role: Role


Classes = Mapping[str, ClassParams]
Roles = Mapping[str, Role]
"""The role of each class, in the order of the model's outputs."""


@dataclass(frozen=True)
class SplitParams:
    """How pictures are split in three; those of equal content are never on two sides."""

    # folders: train, validation (or val) and test below the data; file: a CSV of picture, split
    method: Literal["folders", "file", "random"]
    file: str | None
    test: Annotated[float, Between(0.01, 0.9)]  # of all pictures, each class alike; of random
    validation: Annotated[float, Between(0.01, 0.9)]  # of the others; of random and, where none is
    seed: int


@dataclass(frozen=True)
class DataParams:
    """Annotated pictures."""

    folder: str  # labelme, Pascal VOC or COCO files, anywhere below
    classes: Mapping[str, ClassParams]  # in the order of the model's outputs
    ignored: tuple[str, ...]  # labels of which no class is made
    boxes: Literal["ellipse", "refuse"]  # of a head of which only a box is known
    um_per_px: float | None
    on_bad_input: Literal["stop", "skip"]  # skip: go on without pictures that have a fault
    split: SplitParams


@dataclass(frozen=True)
class ChangeParams:
    """How pictures are changed at random while training."""

    share: Share  # of the pictures
    flip: bool  # left to right and upside down, each by a half chance
    quarter: bool  # by quarter turns
    blur_px: Annotated[float, Between(0.0)]  # standard deviation of a Gaussian, at most


@dataclass(frozen=True)
class ExperimentParams:
    """One model: what it is, what it sees, how it is trained."""

    variant: Literal["paper", "published"]  # published: it is also evaluated as by its code
    model: HeadNetParams
    change: ChangeParams | None
    per_class: Count | None  # pictures of each class in an epoch's pool, drawn anew if too few
    steps: Count | None  # of an epoch; null: until the pool is seen
    fit: FitParams


@dataclass(frozen=True)
class EvaluateParams:
    """What counts as found, and the bootstrap over pictures behind every interval."""

    iou: Share
    bootstrap: Count
    seed: int


@dataclass(frozen=True)
class RegisterParams:
    """The experiment whose model is registered."""

    experiment: str
    name: str


@dataclass(frozen=True)
class MorphologyParams:
    """The whole of `morphology/params.yaml`."""

    data: DataParams
    experiments: Mapping[str, ExperimentParams]
    train: tuple[str, ...]  # those that are trained and evaluated
    training: TrainingParams
    evaluate: EvaluateParams
    register: RegisterParams


def load_morphology_params(path: Path) -> MorphologyParams:
    """Read and check `morphology/params.yaml`.

    Raises ParamsError for the first thing that is wrong: the key, what was wanted, what was found.
    """
    return read_params(path, MorphologyParams, _check)


def _check(params: MorphologyParams) -> None:
    _check_data(params.data)
    for name, experiment in params.experiments.items():
        _check_fit(f"experiments.{name}.fit", experiment.fit)
        _check_net(f"experiments.{name}.model", experiment.model)
    known, chosen = ", ".join(params.experiments), params.register.experiment
    for name in params.train:
        if name not in params.experiments:
            raise ParamsError(f"train: wanted some of {known}, got {name}")
    if chosen not in params.train:
        raise ParamsError(f"register.experiment: wanted one of those in train, got {chosen}")


def _check_data(data: DataParams) -> None:
    if data.um_per_px is not None and not 0 < data.um_per_px < math.inf:
        raise ParamsError(f"data.um_per_px: wanted a length of more than 0, got {data.um_per_px}")
    for name in TAKEN & set(data.classes):
        raise ParamsError(f"data.classes.{name}: wanted another name; the reports use this one")
    if not any(one.role in HEADS for one in data.classes.values()):
        raise ParamsError(f"data.classes: wanted one of role {', '.join(HEADS)}, got none")
    for name, one in data.classes.items():
        if not one.labels:
            raise ParamsError(f"data.classes.{name}.labels: wanted a label or more, got none")
        both = sorted(set(one.labels) & set(data.ignored))
        if both:
            raise ParamsError(f"data.ignored: {', '.join(both)}: also of the class {name}")
    # A part may serve its head, too; what is a whole head of two classes has none.
    whole = [label for one in data.classes.values() if one.role in HEADS for label in one.labels]
    twice = [label for label, times in Counter(whole).items() if times > 1]
    if twice:
        raise ParamsError(f"data.classes: {', '.join(twice)}: wanted one class of heads, got more")
    split = data.split
    if (split.method == "file") != (split.file is not None):
        raise ParamsError("data.split.file: wanted the path of a CSV with method file, else null")
    if split.file is not None and not Path(split.file).is_relative_to(data.folder):
        raise ParamsError(f"data.split.file: wanted a file below {data.folder}, got {split.file}")


def _check_fit(key: str, fit: FitParams) -> None:
    if fit.augment is not None:
        raise ParamsError(f"{key}.augment: wanted null; pictures are changed as by `change`")
    if fit.freeze != "none":
        raise ParamsError(f"{key}.freeze: wanted none, for all is trained")
    for name in ("compile", "checkpoint_activations"):
        if getattr(fit, name):
            raise ParamsError(f"{key}.{name}: wanted false, for Mask R-CNN does without")
    if fit.balance == "loss":
        raise ParamsError(f"{key}.balance: wanted none or sampling, for a picture has many heads")


def _check_net(key: str, net: HeadNetParams) -> None:
    if net.norm == "frozen" and net.pretrained is None:
        raise ParamsError(
            f"{key}.norm: wanted batch, or a file in {key}.pretrained: with frozen norms nothing "
            "is learnt from fresh weights"
        )
