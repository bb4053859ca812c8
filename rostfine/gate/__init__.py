"""Whether a new model, the challenger, takes the place of the one in use, the champion."""

from rostfine.gate.decision import PASSED, REFUSED, Check, Decision

__all__ = ["PASSED", "REFUSED", "Check", "Decision"]
