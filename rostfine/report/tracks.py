"""The page on which people look at tracks, before anything is trained on them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from rostfine.clips.pictures.trails import VIEW_BOXES, Trail, trails_of
from rostfine.clips.store import Clip
from rostfine.report.figures import as_uri, draw_scores
from rostfine.report.templates import fill
from rostfine.report.track_figures import crop_middles, draw_lowest, draw_speeds
from rostfine.schemas import DOUBTFUL, FAILED, LOST, OK

ROWS_SHOWN: Final = 60


@dataclass(frozen=True)
class TracksData:
    """All that the page is made of.

    `worst` maps samples to their clips, the worst first; heads are boxed `box_px` wide.
    """

    clips: pd.DataFrame
    tracks: pd.DataFrame
    worst: Mapping[str, Clip]
    box_px: int


def choose_worst(clips: pd.DataFrame, count: int) -> list[str]:
    """Choose the usable samples of the lowest scores, the worst first."""
    usable = clips[clips["status"] == OK].sort_values("score_min", kind="stable")
    return [str(sample_id) for sample_id in usable["sample_id"].head(count)]


def render_tracks(data: TracksData) -> str:
    """Draw what there is to draw, and fill the template."""
    # What may be another sperm tells nothing of this one.
    tracks = data.tracks[data.tracks["status"] != DOUBTFUL]
    trails = {trail.sample_id: trail for trail in trails_of(tracks)}
    rows: dict[str, dict[str, Any]] = {
        str(row["sample_id"]): {str(name): value for name, value in row.items()}
        for row in data.clips.to_dict("records")
    }
    status = data.clips["status"]
    return fill(
        "tracks.html.j2",
        counts=_counts(data),
        figures=_figures(data.clips[status == OK]),
        worst=[_strip(rows[s], trails[s], clip, data.box_px) for s, clip in data.worst.items()],
        lost=[_end(row, trails.get(s)) for s, row in rows.items() if row["status"] == LOST],
        failed=[_told(row) for row in rows.values() if row["status"] == FAILED],
        rows_shown=ROWS_SHOWN,
    )


def _counts(data: TracksData) -> list[tuple[str, str]]:
    status = data.clips["status"].value_counts()
    counted = {
        "videos": data.clips["video_id"].nunique(),
        "ok": int(status.get(OK, 0)),
        "lost on the way": int(status.get(LOST, 0)),
        "failed": int(status.get(FAILED, 0)),
        "frames tracked": len(data.tracks),
    }
    return [(name, f"{count:,}") for name, count in counted.items()]


def _figures(usable: pd.DataFrame) -> list[dict[str, Any]]:
    if usable.empty:
        return []
    drawn = [draw_lowest(usable["score_min"].to_numpy())]
    in_um, in_px = usable["speed_um_s"].dropna(), usable["speed_px_s"].dropna()
    speeds, unit = (in_um, "µm/s") if len(in_um) == len(in_px) else (in_px, "px/s")
    if len(speeds):
        drawn.append(draw_speeds(speeds.to_numpy(), unit))
    return [{"svg": Markup(figure.svg), "says": figure.says} for figure in drawn]


def _strip(row: Mapping[str, Any], trail: Trail, clip: Clip, box_px: int) -> dict[str, Any]:
    """Tell of one clip, frame by frame; each shows its head and what is near."""
    view_px = min(round(VIEW_BOXES * box_px), clip.frames.shape[1])
    squares = crop_middles(clip, view_px)
    score = trail.score[: len(squares)]
    lowest = int(score[1:].argmin()) + 1 if len(score) > 1 else 0
    return {
        **_told(row),
        "facts": _facts(row, trail),
        "box": f"{min(box_px / view_px, 1):.0%}",
        "frames": [
            {
                "number": int(trail.frame[at]),
                "score": f"{score[at]:.2f}",
                "is_lowest": at == lowest,
                "is_presumed": bool(trail.is_presumed[at]),
                "picture": as_uri(square),
            }
            for at, square in enumerate(squares)
        ],
    }


def _facts(row: Mapping[str, Any], trail: Trail) -> str:
    presumed = int(trail.is_presumed.sum())
    told = [
        f"lowest {row['score_min']:.2f}",
        f"mean {row['score_mean']:.2f}",
        _speed(row),
        f"longest step {trail.longest_step_px:.1f} px",
        f"{presumed} of {len(trail.frame)} frames presumed" if presumed else "",
    ]
    return ", ".join(fact for fact in told if fact)


def _speed(row: Mapping[str, Any]) -> str:
    for name, unit in (("speed_um_s", "µm/s"), ("speed_px_s", "px/s")):
        if not math.isnan(row[name]):
            return f"{row[name]:.0f} {unit}"
    return ""


def _end(row: Mapping[str, Any], trail: Trail | None) -> dict[str, Any]:
    """Tell where a lost sperm was last."""
    if trail is None:
        return {**_told(row), "frame": "", "place": "", "spark": "", "followed": 0}
    x_px, y_px = trail.place_px[-1]
    return {
        **_told(row),
        "frame": int(trail.frame[-1]),
        "place": f"{x_px:.0f}, {y_px:.0f}",
        "spark": Markup(draw_scores(trail.score)) if len(trail.score) > 1 else "",
        "followed": len(trail.frame),
    }


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    reason = row["reason"]
    return {
        "sample_id": row["sample_id"],
        "video_id": row["video_id"],
        "reason": "" if pd.isna(reason) else reason,
    }
