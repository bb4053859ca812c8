"""A stage that trains, in a process of its own, to be killed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

# Ray starts in 10 s on an idle machine and in minutes on one that does other tests beside.
WAIT_S = 600


class Training:
    """The stage that trains, in a process of its own."""

    def __init__(
        self, folder: Path, *stage: str, name: str = "rostfine", **environment: str
    ) -> None:
        self.folder, self.name, self.said = folder, name, folder / "said.txt"
        with self.said.open("a") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *(stage or ("stages.cross_validate", name))],
                cwd=folder,
                env={**os.environ, **environment},
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def wait_for(self, epoch: int) -> None:
        """Wait until the first fit, whichever it is, is past an epoch, and into the next one."""
        name = f"checkpoints/{self.name}/*/epoch_{epoch:06d}.json"
        self._wait(lambda: any(self.folder.glob(name)))
        time.sleep(0.2)

    def workers(self) -> list[psutil.Process]:
        """List Ray's workers, of this process alone."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in below if "RayTrainWorker" in " ".join(child.cmdline())]

    def ends(self) -> int:
        """Wait for the end; return the exit code."""
        return self.process.wait(WAIT_S)

    def kill(self) -> None:
        """End the process at once; its workers end by themselves, or would train on unseen."""
        below, workers = psutil.Process(self.process.pid).children(recursive=True), self.workers()
        self.process.kill()
        self.process.wait()
        _, alive = psutil.wait_procs(workers, timeout=WAIT_S)
        assert workers
        assert not alive
        for child in below:  # agents of Ray take their time
            with suppress(psutil.NoSuchProcess):
                child.kill()

    def _wait(self, done: Callable[[], bool]) -> None:
        until = time.monotonic() + WAIT_S
        while not done():
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < until, self.said.read_text()
            time.sleep(0.02)
