"""How many sperm a whole field shows, and which part of them moves how, by following each head.

Windows of about a second are taken from all over a video. Within each, heads are found in every
frame, linked to tracks in the frame of things that lie still, and classed by WHO 2021.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from rostfine.errors import InputError
from rostfine.progress import Advance, silent
from rostfine.tracking.detect import detect_heads, measure_heads
from rostfine.tracking.drift import measure_shift
from rostfine.tracking.link import link
from rostfine.tracking.motility import MotilityClass, classify_motility, measure_motility
from rostfine.tracking.shares import CountedTrack, Motility, Share, compute_shares
from rostfine.tracking.windows import Window, read_windows

HEAD_UM: Final = 5.0
"""Length of a normal head (WHO laboratory manual): where no scale is known, heads are the scale."""
JITTER_UM: Final = 0.75
"""A head that strays less from its mean place stands: what a beating tail does to it is more."""
LOOKED_AT: Final = 3
LARGEST: Final = 0.25
"""So many frames of a window tell how its heads look."""
GRADES: Final[Mapping[MotilityClass, Motility]] = {
    "rapid": "progressive",
    "slow": "progressive",
    "non_progressive": "non_progressive",
    "immotile": "immotile",
}


@dataclass(frozen=True)
class FieldParams:
    """How a field is counted."""

    windows: int = 20  # as many as fit in a shorter video
    window_s: float = 1.0
    least_track_s: float = 0.5
    fastest_um_s: float = 300.0  # a head that goes beyond is another; VCL, with all of its sway
    smoothing_s: float = 0.167  # width of the window that makes the average path
    head_px: float | None = None  # None: from the scale, or measured
    resamples: int = 1000  # of the bootstrap
    seed: int = 1

    def __post_init__(self) -> None:
        """Raise InputError for what cannot be."""
        for name in ("windows", "fastest_um_s", "least_track_s", "smoothing_s", "resamples"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name}: wanted a number above 0, got {getattr(self, name)}")
        if not self.least_track_s <= self.window_s < math.inf:
            raise InputError(
                f"window_s: wanted least_track_s, {self.least_track_s} s, at least, "
                f"got {self.window_s}"
            )


@dataclass(frozen=True)
class FieldCount:
    """What a video shows of its sample."""

    video: Path
    head_px: float
    um_per_px: float  # by the length of heads, where no scale was known
    is_scale_known: bool
    windows: int
    cells_per_frame: float  # heads seen in a frame, mean
    shares: Mapping[Motility, Share]
    tracks: tuple[CountedTrack, ...]


def count_field(
    video: Path,
    params: FieldParams,
    *,
    um_per_px: float | None = None,
    advance: Advance = silent,
) -> FieldCount:
    """Count the sperm of a video and class how they move; `advance` is called for each window.

    Raises VideoError if it cannot be read, InputError if it is shorter than the shortest track,
    its rate is unknown, or `um_per_px` or a setting is not above 0.
    """
    head_px = _head_length(params, um_per_px)
    scale, guess_px = um_per_px, 0.0
    tracks: list[CountedTrack] = []
    heads = frames = windows = 0
    read = read_windows(
        video, windows=params.windows, window_s=params.window_s, least_s=params.least_track_s
    )
    for number, window in enumerate(read):
        some = window.lumas[:: math.ceil(len(window.lumas) / LOOKED_AT)]
        if head_px is not None and head_px > min(window.lumas[0].shape) * LARGEST:
            raise InputError(
                f"{video}: wanted heads of at most a quarter of the picture, got {head_px:.0f} px"
            )
        look = measure_heads(some, head_px=head_px)
        found = [detect_heads(luma, look) for luma in window.lumas]
        guess_px = look.head_px
        if head_px is None and any(map(len, found)):
            head_px = guess_px  # an empty field tells nothing of the length of heads
        scale = um_per_px or HEAD_UM / (head_px or guess_px)
        tracks += _follow(window, found, number, params, scale)
        heads, frames, windows = heads + sum(map(len, found)), frames + len(found), windows + 1
        advance(note=f"{len(found[-1])} heads")
    assert scale is not None  # a video without a window is an error
    shares = compute_shares(
        tracks, resamples=params.resamples, rng=np.random.default_rng(params.seed)
    )
    return FieldCount(
        video=video,
        head_px=head_px or guess_px,
        um_per_px=scale,
        is_scale_known=um_per_px is not None,
        windows=windows,
        cells_per_frame=heads / frames,
        shares=shares,
        tracks=tuple(tracks),
    )


def _head_length(params: FieldParams, um_per_px: float | None) -> float | None:
    """Return how long a head is in pixels, None where it must be measured."""
    for name, value in (("um_per_px", um_per_px), ("head_px", params.head_px)):
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"{name}: wanted a number above 0, got {value}")
    if params.head_px is None and um_per_px is not None:
        return HEAD_UM / um_per_px
    return params.head_px


def _follow(
    window: Window,
    heads: Sequence[Float64[ndarray, "_ 2"]],
    number: int,
    params: FieldParams,
    um_per_px: float,
) -> list[CountedTrack]:
    """Return the tracks of a window that last long enough; none goes on beyond a cut."""
    shift = measure_shift(window.lumas)
    still = [points - offset for points, offset in zip(heads, shift.offset_px, strict=True)]
    step_s = float(np.median(np.diff(window.time_s)))
    reach_px = params.fastest_um_s * step_s / um_per_px
    bounds = [0, *np.flatnonzero(shift.is_cut).tolist(), len(heads)]
    tracks = []
    for first, end in zip(bounds, bounds[1:], strict=False):
        for linked in link(still[first:end], max_step_px=reach_px):
            at = first + np.array(linked.frames)
            if (window.time_s[at[-1]] - window.time_s[at[0]]) >= params.least_track_s:
                place_px = np.stack(linked.places_px)
                motility, speed_um_s = _grade(place_px, window.time_s[at], params, um_per_px)
                seen_px = place_px + shift.offset_px[at]
                frame = window.first_frame + at
                tracks.append(CountedTrack(number, motility, speed_um_s, frame, seen_px))
    return tracks


def _grade(
    place_px: Float64[ndarray, "seen 2"],
    time_s: Float64[ndarray, " seen"],
    params: FieldParams,
    um_per_px: float,
) -> tuple[Motility, float]:
    motility = measure_motility(
        place_px, time_s, smoothing_s=params.smoothing_s, jitter_px=JITTER_UM / um_per_px
    )
    grade = GRADES[classify_motility(motility, um_per_px=um_per_px)]
    return grade, motility.progress_px_s * um_per_px
