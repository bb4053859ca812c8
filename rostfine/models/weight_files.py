"""Named weights from wherever others keep them: a file, or timm by name."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from rostfine.errors import InputError

TIMM: Final = "timm:"
"""What comes before the name of a model of timm where the path of a file may stand, too."""

WRAPPERS: Final = ("model_state", "state_dict", "model", "module")
"""Keys under which checkpoints keep their weights, beside the state of an optimiser."""

UNREADABLE: Final = (
    OSError,
    RuntimeError,
    EOFError,
    LookupError,  # of the unpickler, for bytes that are none of its codes
    SafetensorError,
    pickle.UnpicklingError,
)
"""What reading a file that holds no weights ends in."""

PREFIXES: Final = ("module.", "model.")


def read_weights(source: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a file or of `timm:<model name>` by their names, without prefixes.

    Nothing in a file is ever run. Raises InputError, in one line, if the source cannot be had or
    holds anything but tensors and plain values.
    """
    name = str(source)
    if name.startswith(TIMM):
        return _download(name.removeprefix(TIMM))
    content: Any = _read_file(Path(source))
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        raise InputError(f"{source}: wanted named weights, found {type(content).__name__}")
    return {_plain(str(key)): value for key, value in content.items() if _is_weight(value)}


def _read_file(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file of weights") from error
    except UNREADABLE as error:
        raise InputError(f"{path}: not a file of plain weights: {_first_line(error)}") from error


def _download(name: str) -> dict[str, Tensor]:
    try:
        import timm
    except ImportError as error:
        raise InputError(
            f"{TIMM}{name}: wanted the package timm, which is not installed; "
            "pip install 'rostfine[timm]' brings it"
        ) from error
    try:
        return dict(timm.create_model(name, pretrained=True).state_dict())
    except OSError as error:  # whatever the hub's client raises is one
        raise InputError(
            f"{TIMM}{name}: cannot be downloaded and is not in the cache; where there is no "
            f"network, give the path of a file instead: {_first_line(error)}"
        ) from error
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{TIMM}{name}: not pretrained in timm: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _plain(name: str) -> str:
    while name.startswith(PREFIXES):
        name = name.split(".", 1)[1]
    return name


def _is_weight(value: object) -> bool:
    return isinstance(value, Tensor)
