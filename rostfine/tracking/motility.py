"""How a followed sperm moves: the measures of computer-aided sperm analysis, and its WHO class.

Lengths are in pixels; those of a track in micrometres come out in micrometres. A measure that a
track cannot tell is NaN. docs/motility.md has the formulas, limits and sources in one table.
Sources: WHO laboratory manual for the examination of human semen, 5th edition, 2010, section
3.5.2, here "WHO 2010", and 6th edition, 2021, "WHO 2021".
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray

from rostfine.errors import InputError

MotilityClass = Literal["rapid", "slow", "non_progressive", "immotile"]
RAPID_UM_S: Final = 25.0  # WHO 2021
SLOW_UM_S: Final = 5.0  # WHO 2021

JITTER_PX: Final = 1.0
"""What may be an error of the tracker and no motion; it errs by 0.3 to 1 px."""
LEAST_RATE_HZ: Final = 50
"""Slower videos miss crossings and peaks of the beat (Mortimer and Swan, Hum Reprod 1999)."""
LEAST_DURATION_S: Final = 0.5
"""Shorter tracks hold too few beats to count."""
LEAST_CROSSINGS: Final = 3
"""So that there is a whole excursion to either side."""
ROUNDING: Final = 1e-9
"""A head nearer to the average path than this part of its whole motion is on it."""

Places = Float64[ndarray, "frame 2"]
Times = Float64[ndarray, " frame"]


@dataclass(frozen=True)
class Motility:
    """The measures of one track; NaN is what it cannot tell."""

    vcl_px_s: float = math.nan  # curvilinear velocity, along the track
    vsl_px_s: float = math.nan  # straight-line velocity, from the first place to the last
    vap_px_s: float = math.nan  # average-path velocity, along the smoothed track
    progress_px_s: float = math.nan  # from start to end of a second, what WHO 2021 grades
    lin: float = math.nan  # linearity
    str_: float = math.nan  # straightness
    wob: float = math.nan  # wobble
    alh_px: float = math.nan  # amplitude of lateral head displacement, side to side, mean
    alh_max_px: float = math.nan  # and the widest
    bcf_hz: float = math.nan  # beat-cross frequency, in both directions
    mad_deg: float = math.nan  # mean angular displacement, from step to step
    stands: bool = False  # all of its motion may be jitter of the tracker


def measure_motility(
    track_px: Places, time_s: Times, *, smoothing_s: float, jitter_px: float = JITTER_PX
) -> Motility:
    """Measure a track by its true time stamps, even or not.

    A head that stands (its root mean square distance from its mean place is at most `jitter_px`)
    has speeds only. Raises InputError if a place is not finite, times do not increase, or
    `smoothing_s`, the width of the window that makes the average path, is not above 0.
    """
    _check(track_px, time_s, smoothing_s, jitter_px)
    if len(time_s) < 2:
        return Motility()
    since_s = time_s - time_s[0]
    average_px, inside = _smooth(track_px, since_s, smoothing_s)
    vcl_px_s = _length(track_px) / float(since_s[-1])
    vsl_px_s = _length(track_px[[0, -1]]) / float(since_s[-1])
    vap_px_s = _length(average_px) / float(since_s[-1])
    speeds = (vcl_px_s, vsl_px_s, vap_px_s, _compute_progress(track_px, since_s))
    spread_px = float(np.sqrt((track_px - track_px[0]).var(axis=0).sum()))
    if spread_px <= jitter_px:
        return Motility(*speeds, stands=True)
    on_the_spot = vap_px_s <= ROUNDING * vcl_px_s
    straightness = math.nan if on_the_spot else vsl_px_s / vap_px_s
    ratios = (vsl_px_s / vcl_px_s, straightness, vap_px_s / vcl_px_s)
    beat = (math.nan, math.nan, math.nan)
    if _can_tell_beats(since_s):
        riser_px = _compute_risers(track_px, average_px)
        riser_px[np.abs(riser_px) <= ROUNDING * spread_px] = 0.0
        beat = _measure_beats(riser_px[inside], since_s[inside], jitter_px)
    return Motility(*speeds, *ratios, *beat, _compute_mad(track_px))


def classify_motility(motility: Motility, *, um_per_px: float) -> MotilityClass:
    """Return the class of WHO 2021: by the distance from start to end in a second, not by VAP.

    A sperm in a small circle has a high VAP, and is non-progressive for WHO. Raises InputError if
    the scale is unknown (NaN) or the track has no speed.
    """
    if not 0 < um_per_px < math.inf:
        raise InputError(f"um_per_px: a WHO class wanted a number above 0, got {um_per_px}")
    if math.isnan(motility.progress_px_s):
        raise InputError("track: a WHO class wanted two frames or more, got fewer")
    speed_um_s = motility.progress_px_s * um_per_px
    if motility.stands:
        return "immotile"
    if speed_um_s >= RAPID_UM_S:
        return "rapid"
    return "slow" if speed_um_s >= SLOW_UM_S else "non_progressive"


def _check(track_px: Places, time_s: Times, smoothing_s: float, jitter_px: float) -> None:
    """Raise InputError for what is no track or no setting."""
    if not 0 < smoothing_s < math.inf:
        raise InputError(f"smoothing_s: wanted seconds above 0, got {smoothing_s}")
    if not 0 <= jitter_px < math.inf:
        raise InputError(f"jitter_px: wanted pixels from 0 up, got {jitter_px}")
    lost = np.flatnonzero(~np.isfinite(track_px).all(axis=1))
    if len(lost):
        x_px, y_px = track_px[lost[0]]
        raise InputError(f"track, place {lost[0]}: wanted finite x and y, got {x_px}, {y_px}")
    step_s = np.diff(time_s)
    back = np.flatnonzero(~((step_s > 0) & (step_s < math.inf)))
    if len(back):
        early_s, late_s = time_s[back[0] : back[0] + 2]
        where = f"track, place {back[0] + 1}"
        raise InputError(f"{where}: wanted a time after {early_s} s, got {late_s} s")


def _smooth(
    track_px: Places, since_s: Times, smoothing_s: float
) -> tuple[Places, Bool[ndarray, " frame"]]:
    """Return the average path, and where its window lies wholly inside of the track.

    The window is centred; beyond an end it sees the track turned by half a circle about that end,
    so that a straight line stays one and the average path ends where the track does. The mean is
    over time and of the line through the places, not over frames: so uneven time stamps do not
    bend a steady path, and VSL <= VAP <= VCL always.
    """
    reach_s = min(smoothing_s / 2, float(since_s[-1]))
    first_px, last_px = track_px[0], track_px[-1]
    turned_px = (2 * first_px - track_px[:0:-1], track_px, 2 * last_px - track_px[-2::-1])
    turned_s = (-since_s[:0:-1], since_s, 2 * since_s[-1] - since_s[-2::-1])
    long_px, long_s = np.concatenate(turned_px) - first_px, np.concatenate(turned_s)
    area = _integrate(long_px, long_s, since_s + reach_s)
    area -= _integrate(long_px, long_s, since_s - reach_s)
    inside = np.minimum(since_s, since_s[-1] - since_s) >= smoothing_s / 2 * (1 - ROUNDING)
    return first_px + area / (2 * reach_s), inside


def _integrate(
    path_px: Float64[ndarray, "point 2"],
    time_s: Float64[ndarray, " point"],
    until_s: Float64[ndarray, " moment"],
) -> Float64[ndarray, "moment 2"]:
    """Return the integral over time of the line through a path, from its start to each moment."""
    step_s = np.diff(time_s)[:, None]
    area = np.zeros_like(path_px)
    area[1:] = np.cumsum(step_s * (path_px[1:] + path_px[:-1]) / 2, axis=0)
    point = np.clip(np.searchsorted(time_s, until_s, side="right") - 1, 0, len(step_s) - 1)
    rest_s = (until_s - time_s[point])[:, None]
    speed_px_s = np.diff(path_px, axis=0)[point] / step_s[point]
    return np.asarray(area[point] + rest_s * (path_px[point] + rest_s * speed_px_s / 2))


def _length(path_px: Places) -> float:
    """Return the length of a path: VCL, VSL and VAP are lengths over time (WHO 2010)."""
    return float(np.hypot(*np.diff(path_px, axis=0).T).sum())


def _compute_progress(track_px: Places, since_s: Times) -> float:
    """Return the mean distance from a place to that one second later; of a shorter track, VSL.

    WHO 2021 grades the distance from start to end in one second, in a line or a large circle.
    """
    span_s = min(1.0, float(since_s[-1]))
    start_s = since_s[since_s <= since_s[-1] - span_s]
    end_px = [np.interp(start_s + span_s, since_s, axis_px) for axis_px in track_px.T]
    away_px = np.stack(end_px, axis=1) - track_px[: len(start_s)]
    return float(np.hypot(*away_px.T).mean()) / span_s


def _can_tell_beats(since_s: Times) -> bool:
    """Tell whether a track is dense and long enough; rates are rounded, as stamps in files are."""
    duration_s = float(since_s[-1])
    rate_hz = (len(since_s) - 1) / duration_s
    return round(rate_hz) >= LEAST_RATE_HZ and duration_s >= LEAST_DURATION_S * (1 - ROUNDING)


def _compute_risers(track_px: Places, average_px: Places) -> Float64[ndarray, " frame"]:
    """Return how far the head is beside its average path; the sign tells the side."""
    along = np.gradient(average_px, axis=0)
    away_px = track_px - average_px
    across = along[:, 0] * away_px[:, 1] - along[:, 1] * away_px[:, 0]
    step_px = np.hypot(along[:, 0], along[:, 1])
    riser_px = np.zeros(len(track_px))  # where the average path halts it has no sides
    np.divide(across, step_px, out=riser_px, where=step_px > 0)
    return riser_px


def _measure_beats(riser_px: Times, since_s: Times, jitter_px: float) -> tuple[float, float, float]:
    """Return ALH, the widest ALH and BCF of risers, or NaN where too few or not above jitter.

    BCF is crossings over time (WHO 2010); ALH is twice the mean, and twice the largest, of the
    widest risers between crossings (Alquezar-Baeta et al., PLoS Comput Biol 2019, table 2).
    """
    unknown = (math.nan, math.nan, math.nan)
    beside_px = riser_px[riser_px != 0]
    crossings = np.flatnonzero(np.diff(np.sign(beside_px))) + 1
    if len(crossings) < LEAST_CROSSINGS:
        return unknown
    peaks_px = np.maximum.reduceat(np.abs(beside_px[: crossings[-1]]), crossings[:-1])
    if peaks_px.mean() <= jitter_px:
        return unknown
    bcf_hz = len(crossings) / float(since_s[-1] - since_s[0])
    return 2 * float(peaks_px.mean()), 2 * float(peaks_px.max()), bcf_hz


def _compute_mad(track_px: Places) -> float:
    """Return the mean absolute turn from step to step, in degrees (WHO 2010); a halt is no step."""
    steps_px = np.diff(track_px, axis=0)
    steps_px = steps_px[np.hypot(*steps_px.T) > 0]
    if len(steps_px) < 2:
        return math.nan
    before, after = steps_px[:-1].T, steps_px[1:].T
    across = before[0] * after[1] - before[1] * after[0]
    along = before[0] * after[0] + before[1] * after[1]
    return float(np.degrees(np.abs(np.arctan2(across, along)).mean()))
