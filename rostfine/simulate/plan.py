"""What a simulated study is made of, and who swims in each of its videos."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, get_args

import numpy as np

from rostfine.errors import InputError
from rostfine.simulate.least import too_small
from rostfine.simulate.motion import Box, Clockwork, Path, swim
from rostfine.simulate.render import draw_look
from rostfine.simulate.scene import Swimmer
from rostfine.simulate.sperm import LOADING, GradesFrom, Traits, draw_traits
from rostfine.video.write import CODECS

PATIENT_SHARE: Final = 0.3
"""Share of the variance of the latent quality that lies between patients."""

BORDER_PX: Final = 80.0
APART_PX: Final = 60.0
"""No other head is nearer to a tagged one when it is tagged."""
OUTSIDE_PX: Final = 100.0
"""How far outside of the frame other sperm may start."""
TRIES: Final = 500
PURPOSES: Final = ("plan", "field", "clicks", "votes")

FIRST_VIDEO: Final = datetime(2025, 11, 3, 8, 30, tzinfo=UTC)
BETWEEN_VIDEOS: Final = timedelta(hours=7, minutes=20)


@dataclass(frozen=True)
class StudySettings:
    """A study to be simulated; the defaults suit a demonstration on two cores."""

    patients: int = 40  # one video each
    sperm_per_video: int = 6  # tagged ones
    others_per_video: int = 4
    frames: int = 24
    clip_frames: int = 16  # a tag leaves at least so many frames
    width_px: int = 1392
    height_px: int = 976
    frame_rate_hz: float = 15.0
    um_per_px: float = 0.19
    codecs: tuple[str, ...] = ("mjpeg",)  # keys of video.write.CODECS, in turn
    experts: int = 20
    grades_from: GradesFrom = "all"
    loading: float = LOADING  # how much the traits of one sperm agree, 0 to 1
    seed: int = 1

    def __post_init__(self) -> None:
        """Raise InputError, a line for each setting that cannot be."""
        faults = too_small(self, _LEAST)
        faults += [
            f"codecs: wanted one of {', '.join(CODECS)}, got {codec!r}"
            for codec in self.codecs
            if codec not in CODECS
        ]
        if not self.codecs:
            faults.append(f"codecs: wanted at least one of {', '.join(CODECS)}, got none")
        if self.grades_from not in get_args(GradesFrom):
            wanted = ", ".join(get_args(GradesFrom))
            faults.append(f"grades_from: wanted one of {wanted}, got {self.grades_from!r}")
        if not 0 <= self.loading <= 1:
            faults.append(f"loading: wanted 0 to 1, got {self.loading:g}")
        if self.clip_frames > self.frames:
            faults.append(f"clip_frames: wanted at most {self.frames}, got {self.clip_frames}")
        even = [name for name in self.codecs if name in CODECS and CODECS[name].even_sides]
        if even and (self.width_px % 2 or self.height_px % 2):
            size = f"{self.width_px}x{self.height_px}"
            faults.append(f"codecs: {even[0]} wanted even sides of the frame, got {size}")
        if faults:
            raise InputError.of_faults(faults)


_LEAST: Final = {
    "patients": 1,
    "sperm_per_video": 1,
    "others_per_video": 0,
    "frames": 1,
    "clip_frames": 1,
    "width_px": 64,
    "height_px": 64,
    "frame_rate_hz": 1,
    "um_per_px": 0.01,
    "experts": 1,
    "seed": 0,
}


@dataclass(frozen=True)
class VideoPlan:
    """One video of a study before it is drawn; the tagged sperm come first."""

    index: int
    video_id: str
    patient_id: str
    acquired_at: datetime
    codec: str
    swimmers: tuple[Swimmer, ...]


def random_stream(settings: StudySettings, purpose: str, index: int = 0) -> np.random.Generator:
    """Return the random numbers of one purpose and video, which depend on no other's."""
    return np.random.default_rng([settings.seed, index, PURPOSES.index(purpose)])


def plan_video(settings: StudySettings, index: int) -> VideoPlan:
    """Decide what video `index` shows, which depends on nothing but the settings and the index.

    Raises InputError if the frame has no room for the tagged sperm.
    """
    rng = random_stream(settings, "plan", index)
    video_id = f"V{index + 1:03d}"
    patient = float(rng.standard_normal())
    traits = [
        draw_traits(
            math.sqrt(PATIENT_SHARE) * patient
            + math.sqrt(1 - PATIENT_SHARE) * float(rng.standard_normal()),
            rng,
            loading=settings.loading,
        )
        for _ in range(settings.sperm_per_video + settings.others_per_video)
    ]
    return VideoPlan(
        index=index,
        video_id=video_id,
        patient_id=f"P{index + 1:03d}",
        acquired_at=FIRST_VIDEO + index * BETWEEN_VIDEOS,
        codec=settings.codecs[index % len(settings.codecs)],
        swimmers=_place(settings, traits, video_id=video_id, rng=rng),
    )


def _place(
    settings: StudySettings, traits: list[Traits], *, video_id: str, rng: np.random.Generator
) -> tuple[Swimmer, ...]:
    placed: list[Swimmer] = []
    for number, one in enumerate(traits, start=1):
        is_target = number <= settings.sperm_per_video
        tag_frame = None
        if is_target:
            tag_frame = int(rng.integers(0, settings.frames - settings.clip_frames + 1))
        ways = _ways(settings, one, is_target=is_target, rng=rng)
        path = next((way for way in ways if _is_free(way, tag_frame, placed)), None)
        if path is None:
            raise InputError(_no_room(settings, video_id))
        sperm_id = f"{video_id}_{number:02d}"
        # Whoever is to be judged is brought into focus.
        depth_px = rng.uniform(0, 0.5 if is_target else 2.5)
        placed.append(
            Swimmer(
                sperm_id=sperm_id,
                sample_id=sperm_id if is_target else None,
                tag_frame=tag_frame,
                traits=one,
                look=draw_look(one, depth_px=depth_px, rng=rng),
                path=path,
            )
        )
    return tuple(placed)


def _no_room(settings: StudySettings, video_id: str) -> str:
    wanted = f"{settings.sperm_per_video} tagged sperm over {settings.frames} frames"
    size = f"{settings.width_px}x{settings.height_px} px"
    return (
        f"video {video_id}: wanted room for {wanted}, found too little in {size}; "
        "ask for larger frames, fewer sperm or fewer frames"
    )


def _ways(
    settings: StudySettings, traits: Traits, *, is_target: bool, rng: np.random.Generator
) -> Iterator[Path]:
    """Yield paths to choose from; those of a target stay away from the border."""
    clock = Clockwork(settings.frames, settings.frame_rate_hz, settings.um_per_px)
    border_px = min(BORDER_PX, 0.25 * min(settings.width_px, settings.height_px))
    rim_px = border_px if is_target else -OUTSIDE_PX
    box = Box(rim_px, rim_px, settings.width_px - rim_px, settings.height_px - rim_px)
    for _ in range(TRIES):
        start_px = (rng.uniform(box.left_px, box.right_px), rng.uniform(box.top_px, box.bottom_px))
        path = swim(traits, clock, start_px=start_px, kept_in=box if is_target else None, rng=rng)
        if not is_target or box.holds(path):
            yield path


def _is_free(path: Path, tag_frame: int | None, placed: list[Swimmer]) -> bool:
    """Tell whether no tag, its own or another's, would stand on two sperm; others may cross."""
    return all(
        math.hypot(
            path.x_px[frame] - other.path.x_px[frame], path.y_px[frame] - other.path.y_px[frame]
        )
        >= APART_PX
        for other in placed
        for frame in {tag_frame, other.tag_frame} - {None}
    )
