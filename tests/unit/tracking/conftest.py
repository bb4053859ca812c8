from collections.abc import Callable

import numpy as np
import pytest

from rostfine.params import TrackingParams

Draw = Callable[..., list[np.ndarray]]


@pytest.fixture
def params(tracking: TrackingParams) -> TrackingParams:
    return tracking


@pytest.fixture
def draw() -> Draw:
    """Draw noisy grey frames with dark or bright ellipses: a head as long as `length_px`."""

    def frames(
        *paths: np.ndarray,
        length_px: float = 16.0,
        depth: float = -60.0,
        angles: np.ndarray | None = None,
        seed: int = 1,
        size: tuple[int, int] = (200, 240),
    ) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        row, col = np.indices(size).astype(float)
        drawn = []
        for frame in range(len(paths[0])):
            picture = 128 + rng.normal(0, 2, size)
            for path in paths:
                x_px, y_px = path[frame]
                angle = 0.6 if angles is None else angles[frame]
                along = (col - x_px) * np.cos(angle) + (row - y_px) * np.sin(angle)
                across = (row - y_px) * np.cos(angle) - (col - x_px) * np.sin(angle)
                inside = (2 * along / length_px) ** 2 + (2 * across / (0.65 * length_px)) ** 2
                picture += depth / (1 + np.exp(np.minimum(8 * (inside - 1), 50)))
            drawn.append(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
        return drawn

    return frames


@pytest.fixture
def curve() -> np.ndarray:
    """Return a way of 30 frames that curves; about 5 px a frame."""
    turn = np.linspace(0, 2.2, 30)
    return np.stack([60 + 65 * np.sin(turn), 130 - 65 * (1 - np.cos(turn)) * 0.8], axis=1)
