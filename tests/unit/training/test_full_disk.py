import subprocess
import sys
from pathlib import Path

import torch

from rostfine.training.checkpoint import Checkpoint, Checkpoints

# The system lets this process write no file larger than a limit, as if the disk were full.
WRITER = """
import resource, sys
import torch
from pathlib import Path
from rostfine.errors import TrainingError
from rostfine.training.checkpoint import Checkpoint, Checkpoints

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
checkpoints = Checkpoints(Path(sys.argv[1]), {})
try:
    checkpoints.save(Checkpoint(1, {"weight": torch.ones(100_000)}, {}))
except TrainingError as error:
    print(error)
"""


def test_a_full_disk_is_told_and_the_earlier_checkpoint_stays_whole(tmp_path: Path):
    checkpoints = Checkpoints(tmp_path, {})
    checkpoints.save(Checkpoint(0, {"weight": torch.zeros(100_000)}, {}))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "epoch_000001.safetensors: cannot be written" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert checkpoints.load().epoch == 0
