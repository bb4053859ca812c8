"""A tiny model, exported once in each precision: converting costs seconds."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jaxtyping
import pytest
import torch
from torch import nn

from rostfine.export import ExportReport, export_model, graph, write
from rostfine.model_params import RoSTFineParams
from rostfine.models import build_model
from rostfine.params import InputParams

INPUT = InputParams(frames=4, image_px=32, speed=None)
PARAMS = RoSTFineParams(
    "rostfine",
    "tiny",
    0.1,
    None,
    attention_layers=2,
    top_k=3,
    branch_depth=1,
    branch_heads=4,
    use_feat=("g", "s", "t"),
    aggregation="separate",
)


@pytest.fixture
def params() -> RoSTFineParams:
    """What the exported model is built from."""
    return PARAMS


@pytest.fixture(scope="session")
def input() -> InputParams:
    return INPUT


@pytest.fixture(scope="session")
def model() -> nn.Module:
    """Weights moved off zero: temporal_fc starts there and would hide what is below."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(PARAMS, INPUT)
        with torch.no_grad():
            for weight in model.parameters():
                weight += 0.03 * torch.randn_like(weight)
    return model.eval()


@pytest.fixture(scope="session")
def clips() -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (8, 6, 40, 40, 3), dtype=torch.uint8, generator=generator)


@functools.cache
def convert_unchecked(model: nn.Module, input: InputParams) -> Any:
    """Convert without checks of shapes: numbers are symbols there, and no int to the checker."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        return graph.to_graph(model, input)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session", autouse=True)
def converted_once() -> Iterator[None]:
    """Convert the same model only once in all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "to_graph", convert_unchecked)
        yield


@pytest.fixture(scope="session")
def exported(
    tmp_path_factory: pytest.TempPathFactory, model: nn.Module, clips: torch.Tensor
) -> Callable[[str], tuple[Path, ExportReport]]:
    """Export in a precision; return the folder and the report."""

    @functools.cache
    def export(precision: str) -> tuple[Path, ExportReport]:
        folder = tmp_path_factory.mktemp("exported") / precision
        calibration = clips if precision == "int8" else None
        return folder, export_model(model, INPUT, folder, calibration=calibration)

    return export
