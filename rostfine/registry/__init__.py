"""The registry of trained models: MLflow's only door.

from rostfine.registry import load

model = load("models:/rostfine@champion")
model.predict_clip("data/clips/S001.npz")
"""

from rostfine.registry.predictor import Predictor, load
from rostfine.registry.registration import RegisteredVersion, Registration, register

__all__ = [
    "Predictor",
    "RegisteredVersion",
    "Registration",
    "load",
    "register",
]
