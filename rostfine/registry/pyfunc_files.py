"""A saved model as the files that MLflow knows: its signature, an example, and this package."""

import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from rostfine.registry.store import import_mlflow
from rostfine.schemas import GRADES
from rostfine.training.saved import ModelSettings

LOADER: Final = "rostfine.registry.pyfunc_model"
REQUIRED: Final = ("rostfine", "torch", "safetensors", "numpy", "einops", "mlflow")

EXAMPLE: Final = "input_example.json"
GREY: Final = 99
"""Of the example. As numbers of two digits a clip is 3 MB of JSON."""
EXAMPLE_SPEED: Final = 30.0


def write_pyfunc(target: Path, folder: Path, settings: ModelSettings, *, model_id: str) -> None:
    """Write an MLflow model of `folder`, with its signature, that this package loads."""
    models, pyfunc = import_mlflow("mlflow.models"), import_mlflow("mlflow.pyfunc")
    example = {"artifact_path": EXAMPLE, "type": "ndarray"}
    with warnings.catch_warnings():
        # MLflow would write the example itself, indented and twice: 36 MB and 7 s.
        warnings.filterwarnings("ignore", "(?s).*input example", UserWarning)
        pyfunc.save_model(
            str(target),
            loader_module=LOADER,
            data_path=str(folder),
            mlflow_model=models.Model(model_id=model_id, saved_input_example_info=example),
            signature=_signature(settings),
            pip_requirements=[f"{package}=={version(package)}" for package in REQUIRED],
        )
    (target / EXAMPLE).write_text(_example(settings))


def _signature(settings: ModelSettings) -> Any:
    """Clips (clip, frame, row, col, chan) uint8 in, grade distributions (clip, grade) out."""
    models, types = import_mlflow("mlflow.models"), import_mlflow("mlflow.types")
    inputs = [types.TensorSpec(np.dtype("uint8"), (-1, *_clip_shape(settings)), "frames")]
    if settings.experiment.input.speed is not None:
        inputs.append(types.TensorSpec(np.dtype("float32"), (-1,), "speed"))
    return models.ModelSignature(
        inputs=types.Schema(inputs),
        outputs=types.Schema([types.TensorSpec(np.dtype("float32"), (-1, len(GRADES)))]),
    )


def _example(settings: ModelSettings) -> str:
    """Return a batch of one grey clip, which shows nobody's sperm, as MLflow writes arrays."""
    text = str(GREY)
    for length in reversed((1, *_clip_shape(settings))):
        text = f"[{','.join([text] * length)}]"
    speed = f',"speed":[{EXAMPLE_SPEED}]' if settings.experiment.input.speed is not None else ""
    return f'{{"frames":{text}{speed}}}'


def _clip_shape(settings: ModelSettings) -> tuple[int, int, int, int]:
    clips = settings.clips
    return clips.frames, clips.size_px, clips.size_px, 3
