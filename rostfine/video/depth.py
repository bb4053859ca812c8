"""Deep greys and colours as eight bits, by one shift for a whole video."""

from typing import Final

import numpy as np
from jaxtyping import UInt8, UInt16

CAMERA_BITS: Final = (8, 10, 12, 14, 16)
"""What cameras measure with, and then write in words of 16 bits."""

MOST_WHITE: Final = 0.01
"""Share of a frame that may be brighter than the first frame let expect."""


class Depth:
    """How many bits of a word are in use; the upper eight of them are kept.

    Where a format does not tell, the first frame that is not black does: it takes the smallest of
    `CAMERA_BITS` that hold its brightest value. This holds for the whole video, so that brightness
    means the same in every frame; a little that is brighter later becomes white.
    """

    def __init__(self, bits: int | None = None) -> None:
        self._bits, self._is_known = bits, bits is not None

    def to_eight_bits(self, values: UInt16[np.ndarray, "*axes"]) -> UInt8[np.ndarray, "*axes"]:
        """Shift one frame, or one plane of it.

        Raises ValueError if much of it is too bright for what the first frame told.
        """
        if self._bits is None and (brightest := int(values.max())):
            self._bits = next(bits for bits in CAMERA_BITS if brightest < 1 << bits)
        bits = self._bits or CAMERA_BITS[0]
        if not self._is_known and (values >> bits).astype(bool).mean() > MOST_WHITE:
            raise ValueError(
                f"wanted values below {1 << bits}, as the first frame has them, got {values.max()}"
            )
        eight = np.empty(values.shape, np.uint8)
        held = np.minimum(values, (1 << bits) - 1) if bits < 16 else values
        np.right_shift(held, bits - 8, out=eight, casting="unsafe")
        return eight
