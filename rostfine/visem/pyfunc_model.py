"""How MLflow loads a registered model: `mlflow.pyfunc.load_model(...).predict(stacks)`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from rostfine.visem.predictor import SemenPredictor
from rostfine.visem.saved import load_regressor

Stacks = UInt8[ndarray, "stack frame row col"]


class PyfuncModel:
    """What `mlflow.pyfunc` wraps; it is found by name, so the name must stay."""

    def __init__(self, predictor: SemenPredictor) -> None:
        self.predictor = predictor

    def predict(
        self, model_input: Stacks | Mapping[str, ndarray], params: Mapping[str, Any] | None = None
    ) -> Float32[ndarray, "stack 3"]:
        """Predict the percentages of stacks, given as an array or as {"frames": array}."""
        given = model_input["frames"] if isinstance(model_input, Mapping) else model_input
        return self.predictor.predict_stacks(np.asarray(given))


def _load_pyfunc(data_path: str) -> PyfuncModel:
    """Load the saved model in the folder `data_path`; MLflow calls this by name."""
    return PyfuncModel(SemenPredictor(*load_regressor(Path(data_path))))
