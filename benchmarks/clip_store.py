"""What keeping clips costs in several ways: bytes, writing, and reading one at random.

    python benchmarks/clip_store.py [--clips 300] [--index 10000]

Clips are of simulated sperm. Reads are of whole clips in random order, from the page cache: what a
way itself costs, not the disk. Then the index of many clips: one more among them. Eight GPUs that
train on the paper's clips at 40 % of their peak take some 2,100 clips a second (394 GFLOP forward,
three times that for a step); a thousand clips in memory are one gigabyte.
"""

import argparse
import io
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from rostfine.clips.cut import cut_video
from rostfine.clips.dataset import load_bank
from rostfine.clips.index import read_index, row_of, track_of, write_index
from rostfine.clips.record import Cut
from rostfine.clips.sources import Source
from rostfine.clips.store import read_frames, write_clip
from rostfine.params import load_params
from rostfine.simulate.plan import StudySettings
from rostfine.simulate.study import simulate_study
from rostfine.tracking.tags import read_tags

PARAMS = load_params(Path(__file__).parents[1] / "params.yaml")

Write = Callable[[Path, np.ndarray], None]
Read = Callable[[Path], np.ndarray]


def from_npz(path: Path) -> np.ndarray:
    """Read a compressed npz."""
    with np.load(path) as held:
        return np.array(held["frames"])


def to_parquet(path: Path, frames: np.ndarray) -> None:
    """Write a clip as one value of a Parquet file, compressed by zstd."""
    held = io.BytesIO()
    np.save(held, frames)
    pq.write_table(pa.table({"frames": [held.getvalue()]}), path, compression="zstd")


def from_parquet(path: Path) -> np.ndarray:
    """Read what `to_parquet` wrote."""
    return np.load(io.BytesIO(pq.read_table(path)["frames"][0].as_py()))


def simulated_cuts(folder: Path) -> list[Cut]:
    """Cut some clips of a small simulated study."""
    simulate_study(folder, StudySettings(patients=4, frames=16))
    tags = read_tags(folder / "data/tags.csv")
    found = [
        cut
        for path in sorted((folder / "data/raw").iterdir())
        for cut in cut_video(
            path,
            [tag for tag in tags if tag.video_id == path.stem],
            tracking=PARAMS.tracking,
            clips=PARAMS.clips,
        )
    ]
    return [cut for cut in found if cut.frames is not None]


def tell_ways(folder: Path, cuts: list[Cut], count: int) -> None:
    """Print a row for each way of keeping clips."""
    ways: dict[str, tuple[str, Write | None, Read]] = {
        "npz, not compressed (the project's)": (".npz", None, read_frames),
        "npy": (".npy", np.save, np.load),
        "npz, deflated": (".npz", lambda p, f: np.savez_compressed(p, frames=f), from_npz),
        "Parquet, zstd": (".parquet", to_parquet, from_parquet),
    }
    print("| way | MB a clip | writes a second | random reads a second |\n|---|---|---|---|")
    for number, (name, (suffix, write, read)) in enumerate(ways.items()):
        place = folder / str(number)
        place.mkdir()
        paths = [place / f"{k}{suffix}" for k in range(count)]
        began = time.perf_counter()
        for k, path in enumerate(paths):
            cut = cuts[k % len(cuts)]
            if write is None:
                write_clip(path, cut, "")
            else:
                write(path, cut.frames)
        wrote = time.perf_counter() - began
        size = sum(path.stat().st_size for path in paths) / count / 1e6
        order = np.random.default_rng(1).permutation(count)
        began = time.perf_counter()
        for k in order:
            read(paths[k])
        took = time.perf_counter() - began
        print(f"| {name} | {size:.2f} | {count / wrote:.0f} | {count / took:.0f} |", flush=True)
    names = [str(k) for k in range(count)]
    began = time.perf_counter()
    bank = load_bank(folder / "0", names)
    took = time.perf_counter() - began
    began = time.perf_counter()
    for k in range(0, count, 8):
        bank.frames[order[k : k + 8]]
    print(f"all of them into memory: {count / took:.0f} clips a second; from there, copied in")
    print(f"batches of eight at random: {count / (time.perf_counter() - began):.0f} a second")


def tell_index(folder: Path, cut: Cut, count: int) -> None:
    """Print what it costs to read and write the tables of many clips."""
    source = Source(Path("v"), fault="", patient_id="p", um_per_px=math.nan)
    cuts = [replace(cut, tag=replace(cut.tag, sample_id=f"S{k:06d}")) for k in range(count)]
    rows = [row_of(c, source, path=f"clips/{c.tag.sample_id}.npz", content_key="k") for c in cuts]
    write_index(folder, rows, [pd.concat([track_of(c) for c in cuts])])
    began = time.perf_counter()
    index = read_index(folder)
    read = time.perf_counter() - began
    began = time.perf_counter()
    write_index(folder, list(index.rows.values()), [index.tracks])
    wrote = time.perf_counter() - began
    print(f"tables of {count} clips: read in {read:.2f} s, written in {wrote:.2f} s")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--clips", type=int, default=300)
    asked.add_argument("--index", type=int, default=10_000)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as name:
        made = simulated_cuts(Path(name) / "study")
        tell_ways(Path(name), made, given.clips)
        tell_index(Path(name), made[0], given.index)
