"""The experiment that flags mean."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rostfine.errors import InputError
from rostfine.models.timesformer import SIZES
from rostfine.params import ExperimentParams, check_experiment
from rostfine.parsing import parse
from rostfine.published.flags import FEATURES, PAIRS, Flags, refuse_unknown, split

NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "timesformer": ("timesformer", "vit_b"),
    "rostfine": ("rostfine", "vit_b"),
    "slowfast": ("slowfast", "slowfast_r50"),
    "r3d": ("r3d", "slow_r50"),
    "x3d": ("x3d", "x3d_m"),
    "r21d": ("r2plus1d", "r2plus1d_r50"),
    "i3d": ("i3d", "i3d_r50"),
    "vivit": ("vivit", "vivit_b"),
    "vgg": ("vgg16", "vgg16"),
}
"""What the published code calls a model, and what it is called here, with its size."""

OPTIMIZERS: Final[Mapping[str, str]] = {"SGD": "sgd", "Adam": "adam"}

WEIGHTS: Final[Mapping[str, str]] = {
    "r3d": "SLOW_8x8_R50.pyth",
    "r21d": "R2PLUS1D_16x4_R50.pyth",
    "x3d": "X3D_M.pyth",
    "i3d": "I3D_8x8_R50.pyth",
    "slowfast": "SLOWFAST_8x8_R50.pyth",
    "vgg": "vgg16-397923af.pth",
}
"""The published files of weights, in the folder of `pretrained_dir`."""

WEIGHT_FLAGS: Final[Mapping[str, str]] = {
    "timesformer": "pretrained_timesformer",
    "rostfine": "pretrained_timesformer",
    "vivit": "pretrained_vivit",
    **dict.fromkeys(WEIGHTS, "pretrained_dir"),
}
"""The flag that says where the weights of a model are."""

AS_PUBLISHED: Final[Mapping[str, Any]] = {
    "schedule": "constant",
    "warmup_epochs": 0,
    "clip_norm": None,
    "accumulate": 1,
    "choose_epoch": "validation",
    "validation": 0.2,
    "ema": None,
    "augment": None,
    "balance": "none",
    "freeze": "none",
    "precision": "fp32",
    "compile": False,
    "checkpoint_activations": False,
}
"""What the published trainer has no flags for, as it does it; but no fold chooses its own epoch."""


def to_experiment(flags: Flags) -> ExperimentParams:
    """Return the experiment that the flags mean.

    Raises InputError for a flag that means none, and for pretrained weights that are not there.
    """
    refuse_unknown("--model-name", flags.model_name, NAMES)
    refuse_unknown("--optim", flags.optim, OPTIMIZERS)
    pairs = _pairs(flags) if flags.model_name == "rostfine" else []
    content = {
        "variant": flags.variant,
        "model": _model(flags),
        "input": {"frames": flags.num_frame, "image_px": flags.video_size, "speed": None},
        "loss": {"name": flags.loss, "alpha": flags.alpha if pairs else 0.0, "use_div": pairs},
        "fit": {
            "optimizer": OPTIMIZERS[flags.optim],
            "lr": flags.lr,
            "momentum": flags.momentum,
            "weight_decay": flags.weight_decay,
            "batch": flags.batch_size,
            "epochs": flags.epochs,
            "seed": flags.seed,
            **AS_PUBLISHED,
        },
        "final": "best_fold",
    }
    experiment = parse(ExperimentParams, content)
    check_experiment(flags.model_name, experiment)
    return experiment


def _pairs(flags: Flags) -> list[str]:
    """Return the pairs of --use-div; where it is silent, all that the features allow."""
    features = [part[1] for part in split("--use-feat", flags.use_feat, FEATURES)]
    allowed = [pair for pair in PAIRS if set(pair) <= set(features)]
    if flags.use_div is None:
        return allowed
    given = split("--use-div", flags.use_div, PAIRS)
    if not set(given) <= set(allowed):
        raise InputError(
            f"--use-div: wanted {' or '.join(allowed) or 'no pair'}, of the features of "
            f"--use-feat {flags.use_feat}, got {flags.use_div!r}"
        )
    return given


def _model(flags: Flags) -> dict[str, Any]:
    name, published = NAMES[flags.model_name]
    size = published if flags.size == "published" else flags.size
    model: dict[str, Any] = {"name": name, "size": size, "pretrained": _weights(flags)}
    if name in ("timesformer", "rostfine", "vivit"):
        model["drop_path"] = 0.1
    elif name != "vgg16":
        model["dropout"] = 0.5
    if name == "rostfine":
        model |= _branches(flags, size)
    return model


def _branches(flags: Flags, size: str) -> dict[str, Any]:
    return {
        "attention_layers": _attention_layers(flags.top_attn, size),
        "top_k": flags.topk,
        "branch_depth": flags.num_blk,
        "branch_heads": flags.num_heads,
        "use_feat": [part[1] for part in split("--use-feat", flags.use_feat, FEATURES)],
        "aggregation": "separate",
    }


def _attention_layers(top_attn: int | None, size: str) -> int | None:
    if top_attn is None:
        return None
    depth = SIZES[size].depth
    if not 0 <= top_attn < depth:
        raise InputError(
            f"--top-attn: wanted 0 to {depth - 1}, one of the layers of {size}, got {top_attn}"
        )
    # The published code takes the layers from this one on: of 12, 11 leaves the last.
    return depth - top_attn


def _weights(flags: Flags) -> str | None:
    if not flags.is_pretrained():
        return None
    path: Path = getattr(flags, WEIGHT_FLAGS[flags.model_name])
    if flags.model_name in WEIGHTS:
        path /= WEIGHTS[flags.model_name]
    if not path.is_file():
        raise InputError(
            f"{path}: no such file of pretrained weights; --no-pretrained trains without"
        )
    return str(path.resolve())
