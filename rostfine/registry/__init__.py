"""The registry of trained models: MLflow's only door.

from rostfine.registry import load

model = load("models:/rostfine@champion")
model.predict_clip("data/clips/S001.npz")
"""

from rostfine.registry.origin import describe_origin
from rostfine.registry.predictor import Predictor, load
from rostfine.registry.registration import RegisteredVersion, Registration, register
from rostfine.registry.run_kept import send_kept
from rostfine.registry.runs import RunLog

__all__ = [
    "Predictor",
    "RegisteredVersion",
    "Registration",
    "RunLog",
    "describe_origin",
    "load",
    "register",
    "send_kept",
]
