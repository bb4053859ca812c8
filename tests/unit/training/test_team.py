"""Two workers that share each batch train as one does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rostfine.training.batches import cut_batch
from rostfine.training.team import Team

PARAMS = Path(__file__).parents[3] / "params.small.yaml"
# Processes of their own, as Ray's workers are; without the checks that tests put around functions.
WORKER = """
import dataclasses, json, sys
from pathlib import Path
import torch
import torch.distributed as dist
from rostfine.errors import TrainingError
from rostfine.params import load_params
from rostfine.training.data import Samples
from rostfine.training.grades import Grades
from rostfine.training.loop import fit
from rostfine.training.team import join_team

params, folder, rank, size, changes = sys.argv[1:]
rank, size, changes = int(rank), int(size), json.loads(changes)
broken = changes.pop("broken", False)
torch.set_num_threads(1)
meet = f"file://{folder}/meet{size}"
dist.init_process_group("gloo", init_method=meet, rank=rank, world_size=size)
team = join_team(size, torch.device("cpu"))
experiment = load_params(Path(params)).experiments["rostfine"]
experiment = dataclasses.replace(experiment, fit=dataclasses.replace(experiment.fit, **changes))
generator = torch.Generator().manual_seed(0)
frames = torch.randint(0, 256, (9, 16, 40, 40, 3), dtype=torch.uint8, generator=generator)
labels = torch.rand(9, 5, generator=generator).softmax(dim=1)
if broken:
    labels[4] = float("nan")
samples = Samples(frames, labels)
told = []
try:
    fit(samples, Grades(experiment), chooses=samples, on_epoch=told.append, team=team)
    losses = [[epoch.train.total, epoch.valid.averaged] for epoch in told]
    print(json.dumps({"losses": losses}))
except TrainingError as error:
    print(json.dumps({"error": str(error)}))
dist.destroy_process_group()
"""


def train(folder: Path, size: int, **changes):
    """Return what each of `size` workers says."""
    command = [sys.executable, "-c", WORKER, str(PARAMS), str(folder)]
    workers = [
        subprocess.Popen(
            [*command, str(rank), str(size), json.dumps(changes)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    said = []
    for worker in workers:
        out, err = worker.communicate(timeout=300)
        assert worker.returncode == 0, err[-2000:]
        said.append(json.loads(out))
    return said


@pytest.mark.parametrize(
    "changes",
    [
        {"batch": 9, "epochs": 20},
        # Of the last batch, one clip, the second worker has none.
        {"batch": 4, "epochs": 7, "accumulate": 2, "balance": "loss"},
    ],
    ids=["whole batches", "a batch of one"],
)
def test_two_workers_have_the_losses_of_one(tmp_path, changes):
    (alone,) = train(tmp_path, 1, **changes)
    leader, other = train(tmp_path, 2, **changes)
    assert len(alone["losses"]) == changes["epochs"]
    assert torch.tensor(leader["losses"]).allclose(torch.tensor(alone["losses"]), atol=1e-5)
    assert other["losses"] == []  # only the leader tells


def test_a_loss_that_is_not_finite_stops_both(tmp_path):
    leader, other = train(tmp_path, 2, batch=4, epochs=2, broken=True)
    assert leader["error"].startswith("epoch 0: the loss is nan for clips")
    assert other == leader


def test_a_batch_is_shared_out_whole_and_by_weight():
    rows = torch.tensor([7, 3, 9, 1, 5])
    parts = [
        part for rank in range(2) for part in cut_batch(rows, Team(rank=rank, size=2), accumulate=2)
    ]
    assert sorted(row for part in parts for row in part.rows.tolist()) == [1, 3, 5, 7, 9]
    assert sum(part.weight for part in parts) == pytest.approx(1)
    assert all(torch.equal(rows[part.places], part.rows) for part in parts)


def test_a_worker_for_whom_nothing_is_left_takes_a_clip_without_weight():
    (part,) = cut_batch(torch.tensor([4]), Team(rank=1, size=2), accumulate=3)
    assert (part.rows.tolist(), part.weight) == ([4], 0.0)
