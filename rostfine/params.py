"""`params.yaml` as frozen dataclasses: every key is known, present and of its type.

Nothing has a default here: what a run did is all in the one file. A function of the library
receives the narrow class that it needs, never the whole.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from rostfine.errors import ParamsError
from rostfine.model_params import ModelParams, RoSTFineParams, TimeSformerParams
from rostfine.params_file import read_params
from rostfine.parsing import Between, Count, Share
from rostfine.variants import VariantName


@dataclass(frozen=True)
class TrackingParams:
    """How the tagged sperm is followed."""

    min_head_px: float  # heads of the tagged sperm are taken to be so long at least,
    max_head_px: float  # and so long at most
    speed_heads: float  # usual step per frame before the motion is known, in lengths of the head
    turn_heads: float  # usual change of the step from one frame to the next
    renew: float  # share of the newest frame in the template of recent looks
    min_score: float  # a match below this counts as not seen
    lost_after: Count  # so many frames unseen in a row, and the sperm is lost
    follow_s: float  # how long, by the video's rate, for its motility; as far as its clip at least
    videos_at_once: Count | None  # null: as many as there are CPUs
    on_bad_input: Literal[
        "stop", "skip"
    ]  # what an unreadable video or a tag outside its frame does


@dataclass(frozen=True)
class ClipParams:
    """What is cut out along a track."""

    frames: Count
    size_px: Count


@dataclass(frozen=True)
class MotilityParams:
    """How the motility of a followed sperm is measured."""

    smoothing_s: float  # width of the window that makes the average path


@dataclass(frozen=True)
class LabelParams:
    """How votes become soft labels."""

    min_votes: int
    on_missing_votes: Literal["stop", "skip"]  # what a clip with fewer votes does


@dataclass(frozen=True)
class FoldParams:
    """How samples are split for cross-validation."""

    method: Literal["by_patient", "published"]  # published: samples shuffled, patients may be split
    k: Count
    seed: int


@dataclass(frozen=True)
class InputParams:
    """What a model sees of a clip."""

    frames: Count
    image_px: Count
    speed: Literal["speed_px_s", "speed_um_s"] | None  # also given to the head, as in the EMD paper


@dataclass(frozen=True)
class LossParams:
    """The training objective: eq. 19."""

    name: Literal["mse", "js", "emd", "ce"]  # rostfine.losses.LOSSES
    alpha: float  # weight of the diversity loss
    use_div: tuple[Literal["gs", "gt", "st"], ...]  # pairs of features that it keeps apart


@dataclass(frozen=True)
class AugmentParams:
    """How clips are changed at random while training; all frames of a clip alike."""

    turn: Literal["none", "quarter", "any"]  # by quarter turns, or by any angle
    flip: bool
    shift: Share  # along and across, of the side of a frame, at most
    brightness: Share  # up or down, of the full range of intensities, at most
    contrast: Share  # times 1 plus or minus this, at most
    # Standard deviation of a Gaussian, in the model's pixels, at most
    blur_px: Annotated[float, Between(0.0)]


@dataclass(frozen=True)
class FitParams:
    """One fit, from fresh weights to the last epoch."""

    optimizer: Literal["sgd", "adam", "adamw"]
    lr: float
    momentum: float
    weight_decay: float
    schedule: Literal["constant", "cosine", "tenth_per_50_epochs"]
    warmup_epochs: float
    clip_norm: float | None
    batch: Count  # clips of a step, over all workers of the fold
    accumulate: Count  # a batch goes through the model in so many parts, to spare memory
    epochs: Count
    choose_epoch: Literal["validation", "last"]  # whose weights are kept
    # Share of the training clips that chooses the epoch and is not trained on
    validation: Annotated[float, Between(0.01, 0.5)]
    ema: Share | None  # kept weights are a running mean: this times the old, the rest the new ones
    augment: AugmentParams | None
    # Rare modal grades are drawn, or weigh, as much as frequent ones
    balance: Literal["none", "sampling", "loss"]
    freeze: Literal["none", "encoder"]  # encoder: only what stands on its features is trained
    precision: Literal["fp32", "bf16", "fp16"]  # of products; weights and sums are in float32
    compile: bool  # torch.compile: minutes at the start, faster steps
    checkpoint_activations: bool  # half the memory of a step, for a third more work
    seed: int


@dataclass(frozen=True)
class ExperimentParams:
    """A named, complete setting: what is trained, on what, how."""

    variant: VariantName  # the paper's method, the published code's, or some of its deviations
    model: ModelParams
    input: InputParams
    loss: LossParams
    fit: FitParams
    final: Literal["all_data", "best_fold"]  # what is offered for registration


@dataclass(frozen=True)
class TrainingParams:
    """On what folds are trained, here or on the cluster of RAY_ADDRESS."""

    device: Literal["auto", "cpu", "gpu"]  # auto: GPUs where there are any
    workers_per_fold: Count  # share each batch, and add up their gradients
    folds_at_once: Count | None  # null: as many as there is room for
    clips: Literal["auto", "device", "disk"]  # kept on the device; auto: where they fit


@dataclass(frozen=True)
class CrossValidateParams:
    """Which experiments run."""

    experiments: tuple[str, ...]


@dataclass(frozen=True)
class CompareParams:
    """The bootstrap behind every interval."""

    bootstrap: Count
    seed: int


@dataclass(frozen=True)
class ExplainParams:
    """Whose attention is drawn, on which clips."""

    experiments: tuple[str, ...]
    samples: Count | tuple[str, ...]  # so many from the best predicted to the worst, or these


@dataclass(frozen=True)
class RegisterParams:
    """Which experiment's final model is registered, under which name."""

    experiment: str
    name: str


@dataclass(frozen=True)
class GateParams:
    """When a challenger takes the place of the champion."""

    metric: Literal["emd", "mse", "js", "ce"]  # rostfine.metrics.METRICS, smaller is better
    margin: Annotated[float, Between(0.0)]  # the interval of its difference ends below this
    beat_zero_r: bool  # also by its interval
    grade_hi_fall: Share  # no grade's histogram intersection falls by more,
    grade_clips: Count  # of grades that so many clips have as their mode
    votes_per_clip: Annotated[float, Between(0.0)]  # on average, at least
    agreement_fall: Share  # of the experts, on average, since the champion's labels, at most
    label_change: Annotated[float, Between(0.0)]  # mean EMD between labels of a clip, at most
    label_drift: Annotated[float, Between(0.0)]  # EMD between the mean labels, at most
    image_drift: Annotated[float, Between(0.0)]  # of new patients, in their sd, at most
    bootstrap: Count
    seed: int
    approval: Literal["auto", "manual"]  # manual: a person is asked, too,
    approval_hours: Annotated[float, Between(0.0)]  # and waited for so long


@dataclass(frozen=True)
class RetrainParams:
    """When the flows run, and for how long."""

    cron: str  # of the nightly retraining, in the time zone of the machine
    look_every_s: Annotated[float, Between(0.0)]  # for new files of votes
    settled_s: Annotated[float, Between(0.0)]  # a file of votes is whole if unchanged for so long
    hours_at_most: Annotated[float, Between(0.0)]


@dataclass(frozen=True)
class ReportParams:
    """What the HTML page shows."""

    samples: int  # clips drawn beside their true and predicted distributions
    worst_tracks: int


@dataclass(frozen=True)
class Params:
    """The whole of `params.yaml`."""

    tracking: TrackingParams
    clips: ClipParams
    motility: MotilityParams
    labels: LabelParams
    folds: FoldParams
    experiments: Mapping[str, ExperimentParams]
    training: TrainingParams
    cross_validate: CrossValidateParams
    compare: CompareParams
    explain: ExplainParams
    register: RegisterParams
    gate: GateParams
    retrain: RetrainParams
    report: ReportParams


RESERVED = ("condensed", "lock", "shared")
"""What lies beside the folders of experiments."""


def load_params(path: Path) -> Params:
    """Read and check `params.yaml`.

    Raises ParamsError for the first thing that is wrong: the key, what was wanted, what was found.
    """
    return read_params(path, Params, _check_names)


def _check_names(params: Params) -> None:
    known = ", ".join(params.experiments)
    for name, experiment in params.experiments.items():
        if not re.fullmatch(r"[\w-]+", name) or name in RESERVED:
            raise ParamsError(
                f"experiments: wanted names of letters, digits, _ and -, "
                f"other than {', '.join(RESERVED)}, got {name!r}"
            )
        check_experiment(f"experiments.{name}", experiment)
    if not params.cross_validate.experiments:
        raise ParamsError("cross_validate.experiments: wanted at least one name, got none")
    for name in params.cross_validate.experiments:
        if name not in params.experiments:
            raise ParamsError(f"cross_validate.experiments: no experiment {name!r}; known: {known}")
    _check_run("register.experiment", params.register.experiment, params)
    for name in params.explain.experiments:
        _check_run("explain.experiments", name, params)
        _check_explained(params.experiments[name].model)


def check_experiment(key: str, experiment: ExperimentParams) -> None:
    """Raise ParamsError if parts of an experiment, found under `key`, do not go together."""
    _check_diversity(f"{key}.loss.use_div", experiment)
    _check_freeze(f"{key}.fit", experiment.fit)


def _check_freeze(key: str, fit: FitParams) -> None:
    if fit.freeze == "encoder" and fit.augment is not None:
        raise ParamsError(
            f"{key}.augment: wanted null, because a frozen encoder sees each clip once, "
            "as it is stored (fit.freeze: encoder)"
        )


def _check_run(key: str, name: str, params: Params) -> None:
    if name not in params.cross_validate.experiments:
        run = ", ".join(params.cross_validate.experiments)
        raise ParamsError(f"{key}: wanted one of cross_validate.experiments ({run}), got {name!r}")


def _check_explained(model: ModelParams) -> None:
    if not isinstance(model, TimeSformerParams | RoSTFineParams):
        raise ParamsError(
            "explain.experiments: wanted models with attention maps (timesformer, rostfine), "
            f"got one of {model.name}"
        )


def _check_diversity(key: str, experiment: ExperimentParams) -> None:
    """A pair of features can only be kept apart if the model has both, and once."""
    model, pairs = experiment.model, experiment.loss.use_div
    features = model.use_feat if isinstance(model, RoSTFineParams) else ("g",)
    for pair in pairs:
        if not set(pair) <= set(features) or pairs.count(pair) > 1:
            raise ParamsError(
                f"{key}: wanted pairs of the features {', '.join(features)}, each once, "
                f"got {list(pairs)}"
            )
