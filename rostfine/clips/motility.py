"""The table of motility: one row per sample that was followed."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import pandas as pd

from rostfine.params import MotilityParams
from rostfine.schemas import DOUBTFUL, MOTILITY, typed
from rostfine.tracking.motility import Motility, classify_motility, measure_motility

IN_UM: Final = {
    "vcl_px_s": "vcl_um_s",
    "vsl_px_s": "vsl_um_s",
    "vap_px_s": "vap_um_s",
    "progress_px_s": "progress_um_s",
    "alh_px": "alh_um",
    "alh_max_px": "alh_max_um",
}
"""Measures that are lengths, and what they are called in micrometres."""


def tabulate_motility(
    tracks: pd.DataFrame, um_per_px: Mapping[str, float], params: MotilityParams
) -> pd.DataFrame:
    """Measure each track, by sample; `um_per_px` of a sample may be NaN or missing.

    Columns are those of `MOTILITY`: without a scale there are no micrometres and no class, and
    without times that rise there is nothing at all. Frames that may show another sperm are left
    out.
    """
    tracks = tracks[tracks["status"] != DOUBTFUL]
    rows = [
        {
            "sample_id": str(sample_id),
            **_measure(track, um_per_px.get(str(sample_id), math.nan), params),
        }
        for sample_id, track in tracks.groupby("sample_id", sort=False)
    ]
    return typed(pd.DataFrame(rows, columns=list(MOTILITY.columns)), MOTILITY)


def _measure(track: pd.DataFrame, scale: float, params: MotilityParams) -> dict[str, Any]:
    places = track[["x_px", "y_px"]].to_numpy(np.float64)
    times = track["time_s"].to_numpy(np.float64)
    # Also false where a time is unknown.
    if not (np.diff(times) > 0).all():
        motility = Motility()
    else:
        motility = measure_motility(places, times, smoothing_s=params.smoothing_s)
    found = {name.rstrip("_"): value for name, value in asdict(motility).items()}
    row = {**found, "frames": len(track), "duration_s": float(times[-1] - times[0])}
    known = not math.isnan(scale)
    row |= {um: found[px] * scale if known else math.nan for px, um in IN_UM.items()}
    can_tell = known and not math.isnan(motility.vcl_px_s)
    row["who_class"] = classify_motility(motility, um_per_px=scale) if can_tell else None
    return row
