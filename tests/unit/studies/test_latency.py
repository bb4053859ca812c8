from collections.abc import Callable
from typing import Any

import torch

from rostfine.models import build_experiment
from rostfine.studies.backbone_grid import grid_of
from rostfine.studies.latency import latency_table
from rostfine.studies.results import Results

ROW = "TimeSformer (tiny, 8 × 40 px)"


def test_each_backbone_is_counted_and_timed_once_at_its_own_size(
    results_of: Callable[..., Results], cell_of: Callable[..., Any]
) -> None:
    left_out = [f"{name}_{loss}" for name in ("r2plus1d", "slowfast") for loss in LOSSES]
    study = results_of("backbone_loss", setting="smoke", leave_out=left_out).study
    before = torch.get_rng_state()
    table = latency_table(study, grid_of(study))
    assert torch.equal(torch.get_rng_state(), before)
    assert list(table.cells["row"].unique()) == ["ResNet (tiny, 16 × 40 px)", ROW]
    model = build_experiment(study.experiments["timesformer_emd"])
    weights = sum(weight.numel() for weight in model.parameters())
    assert cell_of(table, ROW, "Parameters")["mean"] == weights / 1e6
    time = cell_of(table, ROW, "Time of 8 clips")
    assert 0 < time["low"] <= time["mean"] <= time["high"]
    assert any(f"{torch.get_num_threads()} threads" in note for note in table.notes)


LOSSES = ("emd", "mse", "js", "ce")
