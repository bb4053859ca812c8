"""How MLflow loads a registered model: `mlflow.pyfunc.load_model(...).predict(pictures)`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from rostfine.morphology.predictor import COLUMNS, HeadPredictor
from rostfine.morphology.saved import load_heads

Images = UInt8[ndarray, "picture row col 3"]


class PyfuncModel:
    """What `mlflow.pyfunc` wraps; it is found by name, so the name must stay."""

    def __init__(self, predictor: HeadPredictor) -> None:
        self.predictor = predictor

    def predict(
        self, model_input: Images | Mapping[str, ndarray], params: Mapping[str, Any] | None = None
    ) -> Float32[ndarray, "instance 7"]:
        """Return the instances in RGB pictures, an array or {"pictures": array}, as COLUMNS.

        Outlines are no part of it; `rostfine.morphology.predictor` gives these, too.
        """
        given = model_input["pictures"] if isinstance(model_input, Mapping) else model_input
        names = list(self.predictor.settings.classes)
        rows = [
            (number, *one.box_px, names.index(one.class_name), one.score)
            for number, pixels in enumerate(np.asarray(given))
            for one in self.predictor.find(pixels)
        ]
        return np.array(rows, np.float32).reshape(-1, len(COLUMNS))


def _load_pyfunc(data_path: str) -> PyfuncModel:
    """Load the saved model in the folder `data_path`; MLflow calls this by name."""
    return PyfuncModel(HeadPredictor(*load_heads(Path(data_path))))
