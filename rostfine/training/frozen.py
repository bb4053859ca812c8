"""Training behind a frozen encoder: what it makes of each clip is computed once and kept.

The encoder is nearly all of the work. Kept features are those of clips as they are stored, so that
there is nothing left to change at random, and of an encoder that drops no paths.
"""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from jaxtyping import Float32, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from rostfine.clips.transforms import to_input
from rostfine.files import written_whole
from rostfine.models.outputs import Condensing
from rostfine.params import InputParams
from rostfine.progress import Advance, silent

logger = logging.getLogger(__name__)

CONDENSED: Final = "condensed"
"""The name of the file, and of the tensor in it."""


def freeze_encoder(model: nn.Module) -> None:
    """Let no gradient reach the weights of the encoder, so that no optimiser changes them."""
    model.encoder.requires_grad_(False)


def condense_clips(
    model: nn.Module,
    frames: UInt8[Tensor, "clip frame row col chan"],
    wanted: InputParams,
    *,
    device: torch.device,
    batch: int = 8,
    advance: Advance = silent,
) -> Float32[Tensor, "clip token dim"]:
    """Return, on the CPU, what `model.predict_from` reads of each clip; `advance` counts clips.

    The model is left on `device` and in evaluation mode.
    """
    assert isinstance(model, Condensing)
    model.to(device).eval()
    parts = []
    with torch.inference_mode():
        for some in torch.split(frames, batch):
            condensed = model.condense(to_input(some.to(device), wanted))
            parts.append(condensed.float().cpu())
            advance(len(some))
    # Outside of the block, because nothing can be trained on what is made inside.
    return torch.cat(parts)


def kept_condensed(folder: Path, key: str, make: Callable[[], Tensor]) -> Tensor:
    """Return what is kept in `folder` under this `key`, else make it and keep it instead.

    What is damaged is made anew. The key must tell all that decides the features: clips, input,
    weights of the encoder and how patches are selected.
    """
    path = folder / f"{CONDENSED}.safetensors"
    kept = _read(path, key)
    if kept is not None:
        return kept
    made = make().contiguous()
    with written_whole(path) as beside:
        save_file({CONDENSED: made}, beside, {"key": key, "checksum": _checksum(made)})
    return made


def _read(path: Path, key: str) -> Tensor | None:
    try:
        with safe_open(path, framework="pt") as file:
            said = file.metadata() or {}
            if said.get("key") != key:
                return None
            kept: Tensor = file.get_tensor(CONDENSED)
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError) as error:
        logger.warning("%s: cannot be read and is made anew: %s", path, error)
        return None
    if said.get("checksum") == _checksum(kept):
        return kept
    logger.warning("%s: damaged and made anew: its checksum does not hold", path)
    return None


def _checksum(condensed: Tensor) -> str:
    known = hashlib.sha256(f"{condensed.dtype} {tuple(condensed.shape)}".encode())
    known.update(condensed.numpy().data)
    return known.hexdigest()
