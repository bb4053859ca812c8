"""A whole simulated study in a folder: videos, tags, votes, and beside them the truth."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from rostfine.files import written_whole
from rostfine.progress import Advance, silent
from rostfine.simulate.experts import cast_votes, draw_experts
from rostfine.simulate.field import draw_field
from rostfine.simulate.plan import StudySettings, VideoPlan, plan_video, random_stream
from rostfine.simulate.pool import in_processes
from rostfine.simulate.scene import draw_frames
from rostfine.simulate.sperm import Traits, quality
from rostfine.video.write import CODECS, write_video

__all__ = ["StudySettings", "render_video", "simulate_study", "write_parquet"]

CLICK_SD_PX: Final = 1.0
"""How far a person clicks from the middle of a head, in each direction."""


def simulate_study(
    folder: Path,
    settings: StudySettings,
    *,
    advance: Advance = silent,
    processes: int | None = None,
) -> None:
    """Write a study into `folder`: the lab's side under `data/`, what no lab knows under `truth/`.

    The same settings give the same bytes, whatever the number of processes (None: one for each
    core). `advance` is called once for each video.

    Raises InputError if a frame has no room for the tagged sperm; then nothing was written.
    """
    plans = [plan_video(settings, index) for index in range(settings.patients)]
    render = partial(render_video, folder, settings)
    for video_id in in_processes(render, range(settings.patients), processes):
        advance(note=video_id)
    qualities = {
        swimmer.sample_id: _quality(settings, swimmer.traits)
        for plan in plans
        for swimmer in plan.swimmers
        if swimmer.sample_id is not None
    }
    rng = random_stream(settings, "votes")
    votes = cast_votes(qualities, draw_experts(settings.experts, rng), rng)
    _write_csv(folder / "data" / "videos.csv", _videos(settings, plans))
    _write_csv(folder / "data" / "tags.csv", _tags(settings, plans))
    _write_csv(folder / "data" / "votes" / "votes.csv", votes)
    write_parquet(folder / "truth" / "sperm.parquet", _sperm(settings, plans))
    write_parquet(folder / "truth" / "tracks.parquet", _tracks(plans))


def render_video(folder: Path, settings: StudySettings, index: int) -> str:
    """Draw and write video `index` of a study alone, and return its id."""
    plan = plan_video(settings, index)
    codec = CODECS[plan.codec]
    field = draw_field(
        width_px=settings.width_px,
        height_px=settings.height_px,
        frames=settings.frames,
        rng=random_stream(settings, "field", index),
    )
    frames = draw_frames(plan.swimmers, field, um_per_px=settings.um_per_px)
    with written_whole(folder / "data" / "raw" / f"{plan.video_id}{codec.suffix}") as beside:
        write_video(beside, frames, codec=codec, frame_rate_hz=settings.frame_rate_hz)
    return plan.video_id


def _videos(settings: StudySettings, plans: list[VideoPlan]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "video_id": plan.video_id,
            "patient_id": plan.patient_id,
            "um_per_px": settings.um_per_px,
            "acquired_at": f"{plan.acquired_at:%Y-%m-%dT%H:%M:%SZ}",
        }
        for plan in plans
    )


def _tags(settings: StudySettings, plans: list[VideoPlan]) -> pd.DataFrame:
    rows = []
    for plan in plans:
        rng = random_stream(settings, "clicks", plan.index)
        for swimmer in plan.swimmers:
            if swimmer.tag_frame is not None:
                slip_px = rng.normal(0, CLICK_SD_PX, 2)
                rows.append(
                    {
                        "sample_id": swimmer.sample_id,
                        "video_id": plan.video_id,
                        "frame": swimmer.tag_frame,
                        "x_px": round(swimmer.path.x_px[swimmer.tag_frame] + slip_px[0], 1),
                        "y_px": round(swimmer.path.y_px[swimmer.tag_frame] + slip_px[1], 1),
                    }
                )
    return pd.DataFrame(rows)


def _quality(settings: StudySettings, traits: Traits) -> float:
    return quality(traits, settings.grades_from, loading=settings.loading)


def _sperm(settings: StudySettings, plans: list[VideoPlan]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "video_id": plan.video_id,
            "sperm_id": swimmer.sperm_id,
            "sample_id": swimmer.sample_id,
            "quality": _quality(settings, swimmer.traits),
            **asdict(swimmer.traits),
        }
        for plan in plans
        for swimmer in plan.swimmers
    )


def _tracks(plans: list[VideoPlan]) -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "video_id": plan.video_id,
                    "sperm_id": swimmer.sperm_id,
                    "sample_id": swimmer.sample_id,
                    "frame": np.arange(len(swimmer.path.x_px)),
                    "x_px": swimmer.path.x_px,
                    "y_px": swimmer.path.y_px,
                    "heading_rad": swimmer.path.heading_rad,
                }
            ).astype({"sample_id": "string"})  # a column of nothing but None has no type
            for plan in plans
            for swimmer in plan.swimmers
        ],
        ignore_index=True,
    )


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    with written_whole(path) as beside:
        table.to_csv(beside, index=False, lineterminator="\n")


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write a table that only tests read, whole or not at all."""
    with written_whole(path) as beside:
        table.to_parquet(beside, index=False)
