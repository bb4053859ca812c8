"""What `cut_clips` costs where nearly everything is done: one video more among many.

python benchmarks/one_more_video.py [--videos 600]
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rostfine.simulate.plan import StudySettings
from rostfine.simulate.study import simulate_study

ROOT = Path(__file__).parents[1]


def cut(folder: Path) -> str:
    """Run the stage; return what it says and how long it took."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "stages.cut_clips"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    said = next(line for line in done.stderr.splitlines() if "kept" in line)
    return f"{said}: {time.perf_counter() - began:.1f} s"


def main() -> None:
    """Cut the clips of many copies of a video, then of one more, then of none."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--videos", type=int, default=600)
    count = asked.parse_args().videos
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate_study(folder, StudySettings(patients=1, frames=16))
        (video,) = (folder / "data/raw").iterdir()
        heads, first = (folder / "data/tags.csv").read_text().splitlines()[:2]
        rest = first.split(",", 2)[2]
        shutil.copy(ROOT / "params.yaml", folder)
        (folder / "data/videos.csv").unlink()

        def add(number: int) -> None:
            shutil.copy(video, video.with_stem(f"N{number}"))
            with (folder / "data/tags.csv").open("a") as file:
                file.write(f"N{number}_1,N{number},{rest}\n")

        (folder / "data/tags.csv").write_text(heads + "\n")
        for number in range(count):
            add(number)
        print(f"{count} videos: {cut(folder)}")
        time.sleep(2.5)  # a file is trusted to be whole two seconds after it was written
        print(f"once more: {cut(folder)}")
        add(count)
        print(f"one video more: {cut(folder)}")
        print(f"once more: {cut(folder)}")


if __name__ == "__main__":
    main()
