"""How fast and how truly the sperm of a field are counted.

    python benchmarks/field_count.py [--seconds 120] [--videos 6]

Speed is against decoding the same video and nothing else. Truth is that of simulated samples.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pandas as pd

from rostfine.simulate.semen import SemenSettings, simulate_semen
from rostfine.tracking.field import FieldParams, count_field
from rostfine.tracking.shares import MOTILITIES
from rostfine.video.reader import open_video
from rostfine.video.write import CODECS, write_video

RATE_HZ = 50.0
UM_PER_PX = 0.6
ROUNDS = 3


def seconds(work: Callable[[], object]) -> float:
    """Return what `work` takes by the clock."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def decode(path: Path) -> None:
    """Decode all frames, and touch nothing."""
    with av.open(str(path)) as container:
        for _ in container.decode(container.streams.video[0]):
            pass


def lengthen(path: Path, out: Path, frames: int) -> None:
    """Repeat a video until it has so many frames."""
    with open_video(path) as video:
        lumas = [frame.luma.copy() for frame in video.frames()]
    repeated = itertools.islice(itertools.cycle(lumas), frames)
    write_video(out, repeated, codec=CODECS["mjpeg"], frame_rate_hz=RATE_HZ)


def tell_speed(path: Path, frames: int) -> None:
    """Print frames a second, and the ratio to decoding alone."""
    took: dict[str, list[float]] = {"decode": [], "count": []}
    for _ in range(ROUNDS):
        took["decode"].append(seconds(lambda: decode(path)))
        took["count"].append(seconds(lambda: count_field(path, FieldParams(), um_per_px=UM_PER_PX)))
    alone, counted = (statistics.median(took[name]) for name in ("decode", "count"))
    print(f"{frames} frames: decode only {frames / alone:.0f} frames/s, ", end="")
    print(f"counted {frames / counted:.0f}, ratio {alone / counted:.2f}")


def tell_truth(folder: Path) -> None:
    """Print how far the counted percentages are from the true ones."""
    truth = pd.read_parquet(folder / "truth/participants.parquet")
    off = []
    for row in truth.itertuples():
        count = count_field(folder / "videos" / str(row.video), FieldParams(), um_per_px=UM_PER_PX)
        found = np.array([count.shares[one].percent for one in MOTILITIES])
        off.append(found - 100 * np.array([getattr(row, one) for one in MOTILITIES]))
    for one, error in zip(MOTILITIES, np.transpose(off), strict=True):
        print(f"{one}: off by {np.abs(error).mean():.1f} points, mean {error.mean():+.1f}")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seconds", type=int, default=120)
    asked.add_argument("--videos", type=int, default=6)
    args = asked.parse_args()
    with tempfile.TemporaryDirectory() as made:
        samples = SemenSettings(
            participants=args.videos, width_px=640, height_px=480, um_per_px=UM_PER_PX
        )
        simulate_semen(Path(made), samples)
        tell_truth(Path(made))
        long = Path(made) / "long.avi"
        lengthen(min((Path(made) / "videos").iterdir()), long, round(args.seconds * RATE_HZ))
        tell_speed(long, round(args.seconds * RATE_HZ))
