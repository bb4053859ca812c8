"""The registry of trained models: MLflow's only door.

from rostfine.registry import load

model = load("models:/rostfine@champion")
model.predict_clip("data/clips/S001.npz")
"""

from rostfine.registry.aliases import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    ROLLED_BACK_AT,
    Change,
    promote,
    rollback,
)
from rostfine.registry.kinds import opened_kind
from rostfine.registry.offers import Offer, Offered, Score, offer
from rostfine.registry.origin import describe_origin
from rostfine.registry.predictor import Predictor, load, opened
from rostfine.registry.pyfunc_files import Form, grey
from rostfine.registry.registration import (
    MODEL_CARD,
    RegisteredVersion,
    Registration,
    register,
)
from rostfine.registry.run_kept import send_kept
from rostfine.registry.runs import RunLog
from rostfine.registry.store import TRACKING_URI
from rostfine.registry.versions import (
    Version,
    fetch_kept,
    find_version,
    keep_with,
    list_versions,
)

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "MODEL_CARD",
    "PREVIOUS",
    "ROLLED_BACK_AT",
    "TRACKING_URI",
    "Change",
    "Form",
    "Offer",
    "Offered",
    "Predictor",
    "RegisteredVersion",
    "Registration",
    "RunLog",
    "Score",
    "Version",
    "describe_origin",
    "fetch_kept",
    "find_version",
    "grey",
    "keep_with",
    "list_versions",
    "load",
    "offer",
    "opened",
    "opened_kind",
    "promote",
    "register",
    "rollback",
    "send_kept",
]
