"""Calibration: which 8-bit integers stand for which activations and weights."""

from collections.abc import Iterable
from typing import Any

from rostfine.export.toolkit import import_nncf, quiet

MOST_CLIPS = 300
"""More of them change nothing any more."""


def quantize(graph: Any, feeds: Iterable[Any]) -> Any:
    """Return `graph` with its linear layers in 8-bit integers, calibrated on `feeds`.

    Attention stays in float32: it is 3 % of the work, is fused there, and suffers most.
    """
    nncf = import_nncf()
    advanced = nncf.AdvancedQuantizationParameters(
        # CPUs without VNNI add pairs of products in 16 bits. Weights of 7 bits cannot overflow
        # there, so that predictions are the same on every CPU.
        overflow_fix=nncf.OverflowFix.ENABLE,
    )
    with quiet():
        return nncf.quantize(
            graph,
            nncf.Dataset(list(feeds)),
            model_type=nncf.ModelType.TRANSFORMER,
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=MOST_CLIPS,
            ignored_scope=nncf.IgnoredScope(types=["ScaledDotProductAttention"], validate=False),
            advanced_parameters=advanced,
        )
