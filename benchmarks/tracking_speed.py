"""How fast sperm are followed and cut, against decoding the same frames and nothing else.

    python benchmarks/tracking_speed.py [--rounds 5]

Decoding alone is the fastest reader found: PyAV, the luma plane as the decoder left it. Each round
runs every case once, in turn; the medians of their times are compared. Then videos in parallel:
one process on one core and on all (it decodes ahead on a second one) against those of Ray,
once it has started.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import av

from rostfine.clips.cut import Cutting, cut_video
from rostfine.clips.jobs import Job, Jobs
from rostfine.cluster import running_ray
from rostfine.params import load_params
from rostfine.simulate.plan import StudySettings
from rostfine.simulate.study import simulate_study
from rostfine.tracking.tags import Tag, read_tags
from rostfine.video.decoder import GAIN_BY_THREADS
from rostfine.video.reader import open_video
from rostfine.video.write import CODECS, write_video

ROOT = Path(__file__).parents[1]
PARAMS = load_params(ROOT / "params.yaml")
LONG, SHORT = 175, 16
SPERM = (1, 8)
VIDEOS = 24
"""In parallel; as many as make Ray's handing over of tasks show."""


def decode(path: Path, frames: int) -> None:
    """Decode the first frames, and touch nothing."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if stream.codec_context.name in GAIN_BY_THREADS:
            stream.thread_type = "AUTO"
        for number, _ in enumerate(container.decode(stream), 1):
            if number == frames:
                return


def follow(path: Path, tags: list[Tag], frames: int) -> None:
    """Follow all of `tags` for so many frames, and cut their clips."""
    cuts = cut_video(
        path, tags, tracking=PARAMS.tracking, clips=PARAMS.clips, most_frames=float(frames)
    )
    bad = [cut.reason for cut in cuts if cut.status != "ok"]
    if bad:
        print(f"  {len(bad)} of {len(tags)} not followed to the end of the clip: {bad[0]}")


def seconds(work: Callable[[], object]) -> float:
    """Return what `work` takes by the clock."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def film(folder: Path, codec: str, frames: int, videos: int) -> tuple[list[Path], list[Tag]]:
    """Simulate videos of that codec; every tag is in the first frame."""
    settings = StudySettings(
        patients=videos,
        sperm_per_video=max(SPERM),
        others_per_video=2,
        frames=frames,
        clip_frames=frames,
        frame_rate_hz=50,
        codecs=(codec,),
    )
    simulate_study(folder, settings)
    tags = [tag for tag in read_tags(folder / "data/tags.csv") if tag.frame == 0]
    return sorted((folder / "data/raw").iterdir()), tags


def with_grain(path: Path) -> Path:
    """Encode a film in H.264 so well that the noise of the camera is still in it."""
    codec = replace(CODECS["h264"], options={"preset": "medium", "crf": "12"})
    with open_video(path) as video:
        frames = (frame.luma for frame in video.frames())
        write_video(path.with_suffix(".mp4"), frames, codec=codec, frame_rate_hz=50.0)
    return path.with_suffix(".mp4")


def tell_single(rounds: int) -> None:
    """Print frames a second of one video, and the ratio to decoding alone."""
    print("| codec | frames | sperm | decode only, frames/s | followed and cut | ratio |")
    print("|---|---|---|---|---|---|")
    for codec in ("mjpeg", "h264"):
        with tempfile.TemporaryDirectory() as folder:
            (path,), tags = film(Path(folder), "mjpeg", LONG, 1)
            path = with_grain(path) if codec == "h264" else path
            for frames in (SHORT, LONG):
                times: dict[int, list[float]] = {count: [] for count in (0, *SPERM)}
                for _ in range(rounds):
                    times[0].append(seconds(partial(decode, path, frames)))
                    for count in SPERM:
                        times[count].append(seconds(partial(follow, path, tags[:count], frames)))
                alone = statistics.median(times[0])
                for count in SPERM:
                    took = statistics.median(times[count])
                    print(
                        f"| {codec} | {frames} | {count} | {frames / alone:.0f} "
                        f"| {frames / took:.0f} | {alone / took:.2f} |",
                        flush=True,
                    )


def tell_parallel() -> None:
    """Print how much sooner videos are done by two processes than by one."""
    with tempfile.TemporaryDirectory() as folder:
        paths, tags = film(Path(folder), "mjpeg", SHORT * 3, VIDEOS)
        out = Path(folder) / "clips"
        out.mkdir()
        jobs = [Job(path, tuple(t for t in tags if t.video_id == path.stem)) for path in paths]
        cutting = Cutting(replace(PARAMS.tracking, follow_s=0.0), PARAMS.clips, SHORT * 3.0)
        work = Jobs({tag.sample_id: "" for tag in tags}, out, cutting)
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})
        one_core = seconds(partial(_do_all, work, jobs))
        os.sched_setaffinity(0, cores)
        one = seconds(partial(_do_all, work, jobs))
        began = time.perf_counter()
        with running_ray() as ray:
            task, held = ray.remote(num_cpus=1)(_do), ray.put(work)
            ray.get([task.remote(held, job) for job in jobs[:2]])  # processes that have imported
            start = time.perf_counter() - began
            two = seconds(lambda: ray.get([task.remote(held, job) for job in jobs]))
    print(f"{VIDEOS} videos: {one_core:.1f} s by one process on one core, {one:.1f} s on two,")
    print(f"{two:.1f} s by Ray on {len(cores)}: {one_core / two:.2f}x and {one / two:.2f}x")
    print(f"starting Ray and its processes took {start:.1f} s")


def _do_all(work: Jobs, jobs: list[Job]) -> None:
    for job in jobs:
        work.do(job)


def _do(work: Jobs, job: Job) -> None:
    work.do(job)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=5)
    tell_single(asked.parse_args().rounds)
    tell_parallel()
