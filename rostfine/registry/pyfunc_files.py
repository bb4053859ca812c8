"""A saved model as the files that MLflow knows: its signature, an example, and this package."""

import warnings
from dataclasses import dataclass
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


Axes = tuple[int, ...]


@dataclass(frozen=True)
class Form:
    """What MLflow knows of a kind of model: what it is given and returns, and who loads it.

    `inputs` have a type of numpy, a shape (-1: any length) and a name, `output` is the shape of
    what comes out in float32, and `example` is a batch of one, as MLflow writes arrays.
    """

    loader: str
    inputs: tuple[tuple[str, Axes, str], ...]
    output: Axes
    example: str


def write_pyfunc(target: Path, folder: Path, form: Form, *, model_id: str) -> None:
    """Write an MLflow model of `folder`, with its signature, that this package loads."""
    models, pyfunc = import_mlflow("mlflow.models"), import_mlflow("mlflow.pyfunc")
    example = {"artifact_path": EXAMPLE, "type": "ndarray"}
    with warnings.catch_warnings():
        # MLflow would write the example itself, indented and twice: 36 MB and 7 s.
        warnings.filterwarnings("ignore", "(?s).*input example", UserWarning)
        pyfunc.save_model(
            str(target),
            loader_module=form.loader,
            data_path=str(folder),
            mlflow_model=models.Model(model_id=model_id, saved_input_example_info=example),
            signature=_signature(form),
            pip_requirements=[f"{package}=={version(package)}" for package in REQUIRED],
        )
    (target / EXAMPLE).write_text(form.example)


def _signature(form: Form) -> Any:
    models, types = import_mlflow("mlflow.models"), import_mlflow("mlflow.types")
    inputs = [types.TensorSpec(np.dtype(kind), axes, name) for kind, axes, name in form.inputs]
    return models.ModelSignature(
        inputs=types.Schema(inputs),
        outputs=types.Schema([types.TensorSpec(np.dtype("float32"), form.output)]),
    )


def grade_form(settings: ModelSettings) -> Form:
    """Clips (clip, frame, row, col, chan) uint8 in, grade distributions (clip, grade) out."""
    axes, example = _clip_shape(settings), grey((1, *_clip_shape(settings)))
    frames = ("uint8", (-1, *axes), "frames")
    output = (-1, len(GRADES))
    if settings.experiment.input.speed is None:
        return Form(LOADER, (frames,), output, f'{{"frames":{example}}}')
    example = f'{{"frames":{example},"speed":[{EXAMPLE_SPEED}]}}'
    return Form(LOADER, (frames, ("float32", (-1,), "speed")), output, example)


def grey(axes: Axes) -> str:
    """Return a grey array, which shows nobody's sperm, as MLflow writes arrays."""
    text = str(GREY)
    for length in reversed(axes):
        text = f"[{','.join([text] * length)}]"
    return text


def _clip_shape(settings: ModelSettings) -> tuple[int, int, int, int]:
    clips = settings.clips
    return clips.frames, clips.size_px, clips.size_px, 3
