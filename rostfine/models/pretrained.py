"""Weights of a TimeSformer that someone else trained, into an encoder of any input size."""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from rostfine.errors import InputError
from rostfine.models.timesformer import Encoder, resize_positions, resize_times

WRAPPERS: Final = ("model_state", "state_dict", "model")
"""Keys under which checkpoints keep their weights, beside the state of an optimiser."""

PREFIXES: Final = ("module.", "model.")

COPIES_IN_TIME: Final = {"temporal_attn.": "attn.", "temporal_norm1.": "norm1."}
"""What attention in time starts from if the weights are those of an image transformer."""


@dataclass(frozen=True)
class LoadReport:
    """What became of each name: those of the encoder in the first four, of the file in the last.

    `copied` weights of time come from those of space; `fresh` ones stay as they were.
    """

    loaded: tuple[str, ...]
    resized: tuple[str, ...]
    copied: tuple[str, ...]
    fresh: tuple[str, ...]
    ignored: tuple[str, ...]

    @property
    def summary(self) -> str:
        """How many weights became what, in one line."""
        return ", ".join(f"{len(names)} {what}" for what, names in vars(self).items())


def load_pretrained(encoder: Encoder, path: Path) -> LoadReport:
    """Load a checkpoint (safetensors, or a torch file of plain weights) into `encoder`.

    Position embeddings are resized on their grid, time embeddings along time. Heads and other
    unknown names are ignored. Nothing is loaded if anything is wrong: InputError names the file,
    and the weights whose shapes differ or the names that were looked for.
    """
    found = read_weights(path)
    wanted = encoder.state_dict()
    fitted = {name: _fit_input(encoder, name, found[name]) for name in wanted if name in found}
    if not fitted:
        raise InputError(
            f"{path}: no weights of a TimeSformer; wanted names such as {_some(wanted)}, "
            f"found {_some(found)}"
        )
    faults = [
        f"{path}: {name}: wanted {tuple(wanted[name].shape)}, found {tuple(found[name].shape)}"
        for name, weight in fitted.items()
        if weight.shape != wanted[name].shape
    ]
    if faults:
        raise InputError.of_faults(faults)
    copied = _copy_into_time(fitted, wanted)
    encoder.load_state_dict(fitted | copied, strict=False)
    resized = [name for name in fitted if found[name].shape != wanted[name].shape]
    return LoadReport(
        loaded=tuple(name for name in fitted if name not in resized),
        resized=tuple(resized),
        copied=tuple(copied),
        fresh=tuple(name for name in wanted if name not in fitted | copied),
        ignored=tuple(name for name in found if name not in wanted),
    )


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint by their plain names, without wrappers and prefixes.

    Raises InputError if there is no such file, or it holds more than tensors and plain values.
    """
    try:
        content: Any = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file of weights") from error
    except (OSError, RuntimeError, EOFError, SafetensorError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"{path}: not a file of plain weights: {reason}") from error
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: wanted named weights, found {type(content).__name__}")
    return {_plain(str(name)): value for name, value in content.items() if _is_weight(value)}


def _plain(name: str) -> str:
    while name.startswith(PREFIXES):
        name = name.split(".", 1)[1]
    return name


def _is_weight(value: object) -> bool:
    return isinstance(value, Tensor)


def _fit_input(encoder: Encoder, name: str, weight: Tensor) -> Tensor:
    if name not in _RESIZE or weight.ndim != 3:
        return weight
    return _RESIZE[name](encoder, weight.float())


def _fit_positions(encoder: Encoder, weight: Tensor) -> Tensor:
    if round((weight.shape[1] - 1) ** 0.5) ** 2 != weight.shape[1] - 1:
        return weight
    side = round((encoder.pos_embed.shape[1] - 1) ** 0.5)
    return resize_positions(weight, side, side, mode="bicubic")


def _fit_times(encoder: Encoder, weight: Tensor) -> Tensor:
    return resize_times(weight, encoder.time_embed.shape[1], mode="linear")


_RESIZE: Final[Mapping[str, Callable[[Encoder, Tensor], Tensor]]] = {
    "pos_embed": _fit_positions,
    "time_embed": _fit_times,
}


def _copy_into_time(
    fitted: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    copied = {}
    for name in wanted:
        for in_time, in_space in COPIES_IN_TIME.items():
            source = name.replace(in_time, in_space)
            if in_time in name and name not in fitted and source in fitted:
                copied[name] = fitted[source]
    return copied


def _some(names: Mapping[str, Tensor]) -> str:
    shown = list(names)[:3]
    return ", ".join(shown) if shown else "none"
