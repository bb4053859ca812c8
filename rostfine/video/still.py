"""One picture from a file: upright, in eight bits of red, green and blue."""

import struct
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image, ImageOps

from rostfine.errors import InputError
from rostfine.video.depth import Depth

DEEP_MODES: Final = ("I;16", "I")
"""How the names of Pillow's modes begin that hold greys of more than eight bits."""
_FAULTS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    struct.error,
    cv2.error,
    Image.DecompressionBombError,
)
"""What Pillow and OpenCV raise at a damaged file."""


def read_still(source: Path | bytes, *, name: str = "") -> UInt8[np.ndarray, "row col 3"]:
    """Read a picture: turned as its EXIF says, grey in all three channels, without opacity.

    Of 16 bits the upper eight of those in use are kept. Messages call bytes `name`.

    Raises InputError for what cannot be read, or is cut off.
    """
    called = str(source) if isinstance(source, Path) else name
    try:
        content = source.read_bytes() if isinstance(source, Path) else source
        with Image.open(BytesIO(content)) as image:
            return np.ascontiguousarray(_to_rgb(image, content))
    except _FAULTS as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split()) or "it is damaged"
        # Pillow names the object in memory, which tells a reader nothing.
        why = why if "BytesIO" not in why else "its format is not known"
        raise InputError(f"{called}: not a readable picture: {why}") from error


def _to_rgb(image: Any, content: bytes) -> Shaped[np.ndarray, "row col 3"]:
    if image.mode == "F":
        raise ValueError("wanted whole numbers of 8 or 16 bits, got fractions")
    is_deep_colour = _is_deep_colour(image)
    image.load()
    if is_deep_colour:
        # Pillow keeps only the upper half of deep colours.
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
        deep = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
        if deep is None:
            raise ValueError("its colours cannot be decoded")
        # It comes as blue, green, red: asked for the other way round, OpenCV garbles deep TIFFs.
        return _eight_bits(deep[:, :, ::-1])
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(DEEP_MODES):
        return np.repeat(_eight_bits(np.asarray(upright))[:, :, None], 3, axis=2)
    # Through RGBA, for a palette may have colours that are partly seen through.
    whole = upright.convert("RGBA") if upright.mode in {"P", "PA"} else upright
    return np.asarray(whole.convert("RGB"))


def _is_deep_colour(image: Any) -> bool:
    """Tell a picture of 16 bits that is not plain grey, before it is loaded."""
    return not image.mode.startswith(DEEP_MODES) and ";16" in str([tile[3] for tile in image.tile])


def _eight_bits(values: Shaped[np.ndarray, "*axes"]) -> UInt8[np.ndarray, "*axes"]:
    if values.dtype == np.uint8:
        return values
    if values.min() < 0 or values.max() >= 1 << 16:
        raise ValueError("wanted whole numbers of 8 or 16 bits from 0 on")
    return Depth().to_eight_bits(values.astype(np.uint16, copy=False))
