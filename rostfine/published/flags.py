"""The flags of the published parser, with its defaults, and the experiment that they mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from rostfine.errors import InputError
from rostfine.params import ExperimentParams
from rostfine.parsing import parse

Size = Literal["published", "tiny"]

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

WEIGHTS: Final[Mapping[str, str]] = {
    "r3d": "SLOW_8x8_R50.pyth",
    "r21d": "R2PLUS1D_16x4_R50.pyth",
    "x3d": "X3D_M.pyth",
    "i3d": "I3D_8x8_R50.pyth",
    "slowfast": "SLOWFAST_8x8_R50.pyth",
    "vgg": "vgg16-397923af.pth",
}
"""The published files of weights, in the folder of `pretrained_dir`."""

BLOCKS: Final[Mapping[str, int]] = {"vit_b": 12, "tiny": 3}
FEATURES: Final = ("vg", "vs", "vt")
PAIRS: Final = ("gs", "gt", "st")
METRICS: Final = ("mse", "js", "emd", "hi", "balanced_acc")


@dataclass(frozen=True)
class Flags:
    """What decides a training; the rest of the flags says where things are."""

    model_name: str = "timesformer"
    size: Size = "published"
    variant: str = "paper"
    num_frame: int = 16
    video_size: int = 224
    pretrained: bool = True
    pretrained_timesformer: Path = Path("download_model/TimeSformer_divST_8x32_224_K400.pyth")
    pretrained_vivit: Path = Path("download_model/vivit_model.pth")
    pretrained_dir: Path = Path("download_model")
    batch_size: int = 16
    epochs: int = 200
    loss: str = "mse"
    optim: str = "SGD"
    lr: float = 0.005
    momentum: float = 0.9
    weight_decay: float = 0.0005
    seed: int = 234
    use_div: str = "gs+gt+st"
    use_feat: str = "vg+vs+vt"
    alpha: float = 1.0
    num_heads: int = 8
    num_blk: int = 2
    topk: int = 3
    top_attn: int | None = None


def to_experiment(flags: Flags) -> ExperimentParams:
    """Return the experiment that the flags mean.

    Raises InputError for a flag that means none, and for pretrained weights that are not there.
    """
    _refuse_unknown("--model-name", [flags.model_name], NAMES)
    _refuse_unknown("--optim", [flags.optim], ("SGD", "Adam"))
    _refuse_unknown("--size", [flags.size], get_args(Size))
    is_rostfine = flags.model_name == "rostfine"
    pairs = split("--use-div", flags.use_div, PAIRS) if is_rostfine else []
    content = {
        "variant": flags.variant,
        "model": _model(flags),
        "input": {"frames": flags.num_frame, "image_px": flags.video_size, "speed": None},
        "loss": {"name": flags.loss, "alpha": flags.alpha if pairs else 0.0, "use_div": pairs},
        "fit": {
            "optimizer": flags.optim.lower(),
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
    return parse(ExperimentParams, content)


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


def split(flag: str, text: str, known: tuple[str, ...]) -> list[str]:
    """Split "a+b", each one of `known` and once. Raises InputError for what is not."""
    parts = [part for part in text.split("+") if part]
    _refuse_unknown(flag, parts, known)
    if len(set(parts)) < len(parts):
        raise InputError(f"{flag}: wanted each once, got {text!r}")
    return parts


def _model(flags: Flags) -> dict[str, Any]:
    name, published = NAMES[flags.model_name]
    size = published if flags.size == "published" else flags.size
    model: dict[str, Any] = {"name": name, "size": size, "pretrained": _weights(flags)}
    if name in ("timesformer", "rostfine", "vivit"):
        model["drop_path"] = 0.1
    elif name != "vgg16":
        model["dropout"] = 0.5
    if name == "rostfine":
        model |= _branches(flags, BLOCKS[size])
    return model


def _branches(flags: Flags, blocks: int) -> dict[str, Any]:
    # The published code takes the layers from this one on: of 12, 11 leaves the last.
    layers = None if flags.top_attn is None else blocks - flags.top_attn
    return {
        "attention_layers": layers,
        "top_k": flags.topk,
        "branch_depth": flags.num_blk,
        "branch_heads": flags.num_heads,
        "use_feat": [part[1] for part in split("--use-feat", flags.use_feat, FEATURES)],
        "aggregation": "separate",
    }


def _weights(flags: Flags) -> str | None:
    if not flags.pretrained:
        return None
    files = {
        "timesformer": flags.pretrained_timesformer,
        "rostfine": flags.pretrained_timesformer,
        "vivit": flags.pretrained_vivit,
    }
    path = files.get(flags.model_name)
    path = path or flags.pretrained_dir / WEIGHTS[flags.model_name]
    if not path.is_file():
        raise InputError(
            f"{path}: no such file of pretrained weights; --no-pretrained trains without"
        )
    return str(path.resolve())


def _refuse_unknown(flag: str, given: list[str], known: Any) -> None:
    for one in given:
        if one not in known:
            raise InputError(f"{flag}: wanted {' or '.join(known)}, got {one!r}")
