"""`visem/params.yaml` as frozen dataclasses, like those of the main pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from rostfine.errors import ParamsError
from rostfine.params import FitParams, TrainingParams
from rostfine.params_file import read_params
from rostfine.parsing import Between, Count

PARAMS: Final = Path("visem/params.yaml")
InputName = Literal["I1", "I2", "I3", "I4"]


@dataclass(frozen=True)
class StackInput:
    """How many frames a model sees, and whether they are all the first one."""

    frames: int
    repeated: bool = False


INPUTS: Final[Mapping[InputName, StackInput]] = {
    "I1": StackInput(1),
    "I2": StackInput(9, repeated=True),
    "I3": StackInput(9),
    "I4": StackInput(18),
}
"""The four inputs of the paper: a frame, the same nine times, 9 and 18 consecutive frames."""
STACK_FRAMES: Final = 18
"""Stored of each position: the most that an input wants."""


@dataclass(frozen=True)
class DataParams:
    """The data set, as it was published."""

    folder: str  # of its tables and, anywhere below, its videos
    on_bad_input: Literal["stop", "skip"]  # skip: go on without participants that have a fault


@dataclass(frozen=True)
class FoldsParams:
    """How participants are split."""

    method: Literal["random", "file"]
    file: str | None  # a CSV of participant_id, fold
    k: Annotated[int, Between(2.0)]
    seed: int


@dataclass(frozen=True)
class FramesParams:
    """What is kept of each video."""

    positions: Count  # stacks, evenly spread over the video
    image_px: Annotated[int, Between(16.0)]  # a multiple of 4
    videos_at_once: Count | None  # null: as many as there are CPUs


@dataclass(frozen=True)
class Rates:
    """The learning rate of each input's autoencoder."""

    I1: float
    I2: float
    I3: float
    I4: float


@dataclass(frozen=True)
class AutoencoderParams:
    """Step 1: one autoencoder for each input and training fold."""

    inputs: tuple[InputName, ...]
    variant: Literal["paper", "published"]  # published: the first fold's serves all folds
    lr: Rates  # instead of that of `fit`
    fit: FitParams


@dataclass(frozen=True)
class Heads:
    """The last layer: three numbers, or three shares of 100; defects may coincide."""

    motility: Literal["linear", "softmax"]
    morphology: Literal["linear"]


@dataclass(frozen=True)
class RegressorParams:
    """Step 2: three percentages from feature images."""

    backbone: str  # resnet34, or any other of torchvision's ResNets, timm:NAME, or tiny
    pretrained: str | None  # a file of weights
    head: Heads
    # mean: the last layer starts at the mean of the training targets; zero: as published
    start: Literal["mean", "zero"]
    fit: FitParams  # freeze: encoder, the autoencoder stays as it is; none, all are trained


@dataclass(frozen=True)
class CompareParams:
    """The bootstrap over participants behind every interval."""

    bootstrap: Count
    seed: int


@dataclass(frozen=True)
class Registered:
    """Which input's model of a target is registered, and under which name."""

    input: InputName
    name: str


@dataclass(frozen=True)
class RegisterParams:
    """The models that are registered."""

    motility: Registered
    morphology: Registered


@dataclass(frozen=True)
class VisemParams:
    """The whole of `visem/params.yaml`."""

    data: DataParams
    folds: FoldsParams
    frames: FramesParams
    autoencoder: AutoencoderParams
    regressor: RegressorParams
    training: TrainingParams
    compare: CompareParams
    register: RegisterParams


def load_visem_params(path: Path) -> VisemParams:
    """Read and check `visem/params.yaml`.

    Raises ParamsError for the first thing that is wrong: the key, what was wanted, what was found.
    """
    return read_params(path, VisemParams, _check)


def _check(params: VisemParams) -> None:
    if params.frames.image_px % 4:
        raise ParamsError(f"frames.image_px: wanted a multiple of 4, got {params.frames.image_px}")
    for step, fit in (("autoencoder", params.autoencoder.fit), ("regressor", params.regressor.fit)):
        _check_fit(f"{step}.fit", fit)
    if params.autoencoder.fit.freeze != "none":
        raise ParamsError("autoencoder.fit.freeze: wanted none, for nothing stands behind it")
    _check_inputs(params)
    if (params.folds.method == "file") != (params.folds.file is not None):
        raise ParamsError("folds.file: wanted the path of a CSV with method file, else null")
    file, folder = params.folds.file, params.data.folder
    # What lies there is a dep of the pipeline, so that a change of it is seen.
    if file is not None and not Path(file).is_relative_to(folder):
        raise ParamsError(f"folds.file: wanted a file below {folder}, got {file}")


def _check_inputs(params: VisemParams) -> None:
    inputs = params.autoencoder.inputs
    if not inputs or len(set(inputs)) < len(inputs):
        raise ParamsError(
            f"autoencoder.inputs: wanted some of {', '.join(INPUTS)}, each once, got {list(inputs)}"
        )
    for target in ("motility", "morphology"):
        given = getattr(params.register, target).input
        if given not in inputs:
            raise ParamsError(
                f"register.{target}.input: wanted one of autoencoder.inputs "
                f"({', '.join(inputs)}), got {given}"
            )


def _check_fit(key: str, fit: FitParams) -> None:
    if fit.balance != "none":
        raise ParamsError(f"{key}.balance: wanted none, for percentages are no grades")
    if fit.augment is not None and (fit.augment.brightness or fit.augment.contrast):
        raise ParamsError(f"{key}.augment: wanted brightness and contrast 0, which are of clips")
