"""How MLflow loads a registered model: `mlflow.pyfunc.load_model(...).predict(clips)`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from rostfine.registry.predictor import Predictor, load_folder

Clips = UInt8[ndarray, "clip frame row col chan"]


class PyfuncModel:
    """What `mlflow.pyfunc` wraps; it is found by name, so the name must stay."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def predict(
        self, model_input: Clips | Mapping[str, ndarray], params: Mapping[str, Any] | None = None
    ) -> Float32[ndarray, "clip grade"]:
        """Predict the grade distributions of clips, given as an array or as {"frames": array}.

        A model that takes speeds is given {"frames": array, "speed": array}.
        """
        given = model_input if isinstance(model_input, Mapping) else {"frames": model_input}
        speeds = np.asarray(given["speed"]) if "speed" in given else None
        return self.predictor.predict_clips(np.asarray(given["frames"]), speeds)


def _load_pyfunc(data_path: str) -> PyfuncModel:
    """Load the saved model in the folder `data_path`; MLflow calls this by name."""
    return PyfuncModel(load_folder(Path(data_path)))
