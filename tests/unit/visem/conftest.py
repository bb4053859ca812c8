from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from rostfine.video.write import CODECS, write_video
from rostfine.visem.measured import COLUMNS

MakeDataset = Callable[..., Path]
CELLS = (
    "105,3;363,1;3,5;81;2,0;98,0;11,2;38,0;3,4;1,54;51;19;30;13;29",
    "45,4;141,6;3,1;50;3,0;97,0;8,5;24,5;2,0;1,36;22;16;62;13;57",
    "50,0;124,5;2,5;90;6,9;90,6;32,8;14,3;1,5;1,51;18;26;56;11;12",
    "184,0;496,8;2,7;85;4,3;94,0;19,5;13,0;1,6;1,34;48;27;25;4;24",
)
NAMES = (
    "1_09.09.02_SSW.avi",
    "2_09.10.14_drift_SSW.avi",
    "3_12.02.20_minor drift_HH.avi",
    "4_12.03.01_JMA.avi",
)


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """Write a data set of four participants as published, with tiny videos, and nothing wrong."""

    def make(
        *,
        videos: Sequence[str] = NAMES,
        listing: Sequence[str] | None = None,
        others: dict[str, str] | None = None,
        size_px: tuple[int, int] = (48, 64),
        frame_rate_hz: float = 50.0,
    ) -> Path:
        folder = tmp_path / "data"
        rows = [f"{number};{cells}" for number, cells in enumerate(CELLS, start=1)]
        as_published(folder / "semen_analysis_data.csv", [";".join(COLUMNS), *rows])
        if listing is not None:
            as_published(folder / "videos.csv", ["ID;video", *listing])
        for name, text in (others or {}).items():
            as_published(folder / name, text.split("\n"))
        for name in videos:
            path = folder / "videos" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            frames = [np.full(size_px, shade, np.uint8) for shade in (40, 80, 120)]
            write_video(path, frames, codec=CODECS["mjpeg"], frame_rate_hz=frame_rate_hz)
        return folder

    return make


def as_published(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(("\ufeff" + "".join(f"{line}\r\n" for line in lines)).encode())
