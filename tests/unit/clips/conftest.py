from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rostfine.params import ClipParams, TrackingParams
from rostfine.video.write import CODECS, write_video

Film = Callable[..., Path]


@pytest.fixture
def tracking(tracking: TrackingParams) -> TrackingParams:
    """Follows as far as the clip, one video after another."""
    return replace(tracking, follow_s=0.0, videos_at_once=1)


@pytest.fixture
def clips() -> ClipParams:
    return ClipParams(frames=6, size_px=40)


@pytest.fixture
def film() -> Film:
    """Film dark discs that move by (3, 1) px a frame from where they start."""

    def write(
        path: Path,
        starts: list[tuple[float, float]],
        *,
        frames: int = 12,
        gone_from: int | None = None,
        hidden: Sequence[int] = (),
        codec: str = "mjpeg",
        size: tuple[int, int] = (121, 163),
    ) -> Path:
        rng = np.random.default_rng(len(starts))
        row, col = np.indices(size)
        drawn = []
        for frame in range(frames):
            picture = 128 + rng.normal(0, 2, size)
            is_gone = frame in hidden or (gone_from is not None and frame >= gone_from)
            for x_px, y_px in [] if is_gone else starts:
                far = np.hypot(col - x_px - 3 * frame, row - y_px - frame)
                picture -= 60 / (1 + np.exp(np.clip(2 * (far - 6), -50, 50)))
            drawn.append(np.clip(picture, 0, 255).astype(np.uint8))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, drawn, codec=CODECS[codec], frame_rate_hz=15.0)
        return path

    return write
