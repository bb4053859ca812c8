"""The flags that a run was trained by, to refuse others."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from rostfine.errors import InputError
from rostfine.model_params import RoSTFineParams
from rostfine.models.rostfine import attention_layers_of
from rostfine.models.timesformer import SIZES
from rostfine.params import ExperimentParams
from rostfine.published.experiment import NAMES, OPTIMIZERS, WEIGHT_FLAGS
from rostfine.published.flags import FEATURES, PAIRS, Flags, spelt, split
from rostfine.training.fits import Fit
from rostfine.training.saved import ModelSettings, read_settings
from rostfine.variants import named_variant


def check_run(flags: Flags, given: Collection[str]) -> ModelSettings:
    """Return the settings of the run of --load-dir.

    Raises InputError if there is no run, or it was trained otherwise than a `given` flag says.
    """
    if flags.load_dir is None:
        raise InputError("--load-dir: wanted the folder of a run, got none")
    settings = read_settings(flags.load_dir / Fit(0).folder)
    held = flags_of(settings.experiment)
    if "model_name" in given and flags.model_name != held["model_name"]:
        raise InputError(
            f"--model-name: {flags.load_dir} holds a {held['model_name']}, got {flags.model_name!r}"
        )
    for name in (name for name in held if name in given):
        value = str(flags.is_pretrained()) if name == "pretrained" else getattr(flags, name)
        if _meant(name, value, Path()) != _meant(name, held[name], flags.data_dir):
            trained = "none" if held[name] == "" else held[name]
            raise InputError(
                f"{spelt(name)}: {flags.load_dir} was trained with {trained}, got {value}"
            )
    return settings


def flags_of(experiment: ExperimentParams) -> dict[str, Any]:
    """Return the flags that would train an experiment; those that it does not read are left out.

    It is what `to_experiment` does, the other way round.
    """
    model, fit = experiment.model, experiment.fit
    called = {ours: published for published, (ours, _) in NAMES.items()}
    optim = {ours: published for published, ours in OPTIMIZERS.items()}
    flags: dict[str, Any] = {
        "model_name": called.get(model.name, model.name),
        "size": "tiny" if model.size == "tiny" else "published",
        "variant": experiment.variant,
        "num_frame": experiment.input.frames,
        "video_size": experiment.input.image_px,
        "pretrained": str(model.pretrained is not None),
        "no_pretrained": model.pretrained is None,
        "loss": experiment.loss.name,
        "optim": optim.get(fit.optimizer, fit.optimizer),
        "lr": fit.lr,
        "momentum": fit.momentum,
        "weight_decay": fit.weight_decay,
        "epochs": fit.epochs,
        "seed": fit.seed,
    }
    flags |= _flag_of_weights(flags["model_name"], model.pretrained)
    if isinstance(model, RoSTFineParams):
        flags |= _flags_of_rostfine(experiment, model)
    return flags


def _flag_of_weights(model_name: str, pretrained: str | None) -> dict[str, Any]:
    if pretrained is None or pretrained.startswith("timm:") or model_name not in WEIGHT_FLAGS:
        return {}
    flag = WEIGHT_FLAGS[model_name]
    path = Path(pretrained)
    return {flag: path.parent if flag == "pretrained_dir" else path}


def _flags_of_rostfine(experiment: ExperimentParams, model: RoSTFineParams) -> dict[str, Any]:
    layers = attention_layers_of(model, named_variant(experiment.variant))
    flags: dict[str, Any] = {
        "use_feat": "+".join(f"v{name}" for name in model.use_feat),
        "use_div": "+".join(experiment.loss.use_div),
        "num_heads": model.branch_heads,
        "num_blk": model.branch_depth,
        "topk": model.top_k,
        "top_attn": SIZES[model.size].depth - layers,
    }
    # Without pairs its weight is of no effect, whatever it was.
    return flags | ({"alpha": experiment.loss.alpha} if experiment.loss.use_div else {})


def _meant(name: str, value: Any, folder: Path) -> Any:
    """Return what a flag means, to compare: order in "a+b" is nothing, nor how a path is said."""
    if name in ("use_feat", "use_div"):
        return set(split(spelt(name), value, FEATURES if name == "use_feat" else PAIRS))
    return (folder / value).resolve() if isinstance(value, Path) else value
