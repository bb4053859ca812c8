"""How fast stacks are read from a semen video, against decoding it and nothing else.

    python benchmarks/semen_frames.py [--seconds 60] [--positions 250] [--image-px 256]

On a machine that does other work, the ratio of CPU time says more than that of the clock.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av

from rostfine.simulate.semen import SemenSettings, render_sample
from rostfine.video.reader import open_video
from rostfine.video.write import CODECS, write_video
from rostfine.visem.frames import read_stacks
from rostfine.visem.params import FramesParams

RATE_HZ = 50.0
DRAWN = 50
ROUNDS = 3


def decode(path: Path) -> None:
    """Decode all frames, and touch nothing."""
    with av.open(str(path)) as container:
        for _ in container.decode(container.streams.video[0]):
            pass


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return what `work` takes by the clock, and of the CPU."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu


def make_video(folder: Path, frames: int) -> Path:
    """Write a video as long as asked for, of a few simulated frames over and over."""
    few = SemenSettings(participants=1, frames=DRAWN, width_px=640, height_px=480, um_per_px=0.6)
    with open_video(folder / "videos" / render_sample(folder, few, 0)) as video:
        lumas = [frame.luma.copy() for frame in video.frames()]
    path = folder / "long.avi"
    repeated = itertools.islice(itertools.cycle(lumas), frames)
    write_video(path, repeated, codec=CODECS["mjpeg"], frame_rate_hz=RATE_HZ)
    return path


def main(video_s: int, params: FramesParams) -> None:
    """Print the seconds of both, medians of interleaved rounds, and their ratio."""
    took: dict[str, list[tuple[float, float]]] = {"decode only": [], "read stacks": []}
    with tempfile.TemporaryDirectory() as made:
        path, out = make_video(Path(made), round(video_s * RATE_HZ)), Path(made, "stacks.npy")
        for _ in range(ROUNDS):
            took["decode only"].append(seconds(lambda: decode(path)))
            took["read stacks"].append(seconds(lambda: read_stacks(path, out, params)))
    (alone_s, alone_cpu_s), (both_s, both_cpu_s) = (
        tuple(statistics.median(one) for one in zip(*rounds, strict=True))
        for rounds in took.values()
    )
    print(f"{video_s} s of 640x480 px, {params.positions} stacks of {params.image_px} px")
    print(f"decode only {alone_s:.2f} s ({alone_cpu_s:.2f} s of CPU)")
    print(f"read stacks {both_s:.2f} s ({both_cpu_s:.2f} s of CPU)")
    print(f"ratio of speed {alone_s / both_s:.2f} (of CPU {alone_cpu_s / both_cpu_s:.2f})")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seconds", type=int, default=60)
    asked.add_argument("--positions", type=int, default=250)
    asked.add_argument("--image-px", type=int, default=256)
    args = asked.parse_args()
    main(args.seconds, FramesParams(args.positions, args.image_px, videos_at_once=1))
