"""A whole simulated data set of semen samples in a folder, as such data are published.

The columns are those of VISEM (Haugen et al., MMSys 2019). Beside them lies the truth.
"""

from dataclasses import asdict
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from rostfine.files import written_whole
from rostfine.progress import Advance, silent
from rostfine.simulate.field import draw_field
from rostfine.simulate.pool import in_processes
from rostfine.simulate.semen_draw import draw_semen
from rostfine.simulate.semen_motion import MOTILITIES
from rostfine.simulate.semen_plan import (
    Cell,
    SemenSettings,
    apportion,
    draw_shares,
    plan_sample,
    random_stream,
)
from rostfine.simulate.study import write_parquet
from rostfine.video.write import CODECS, write_video

__all__ = ["SemenSettings", "render_sample", "simulate_semen"]

FIRST_DAY: Final = date(2025, 11, 3)
ASSESSORS: Final = ("AB", "CD", "EF")
NOTED: Final = 8
"""Each so many videos one has a note with a space in its name, as some that are published."""
CHAMBER_UM: Final = 20.0
"""Depth of the fluid under a cover slip (WHO laboratory manual)."""
DEFECTS: Final = ("head", "midpiece", "tail")

Cells = tuple[Cell, ...]


def simulate_semen(
    folder: Path,
    settings: SemenSettings,
    *,
    advance: Advance = silent,
    processes: int | None = None,
) -> None:
    """Write videos and tables into `folder`, and what nobody knows in life under `truth/`.

    The same settings give the same bytes, whatever the number of processes (None: one for each
    core). `advance` is called once for each video.
    """
    indices = range(settings.participants)
    for name in in_processes(partial(render_sample, folder, settings), indices, processes):
        advance(note=name)
    samples = [plan_sample(settings, index) for index in indices]
    names = [_video_name(index) for index in indices]
    ids = [index + 1 for index in indices]
    _write_published(folder / "videos.csv", pd.DataFrame({"ID": ids, "video": names}))
    rows = [_analysis(settings, index, cells) for index, cells in enumerate(samples)]
    _write_published(folder / "semen_analysis_data.csv", pd.DataFrame(rows))
    truth = folder / "truth"
    shares = [_shares(settings, index, cells) for index, cells in enumerate(samples)]
    write_parquet(truth / "participants.parquet", pd.DataFrame(shares))
    write_parquet(truth / "sperm.parquet", _sperm(samples))
    write_parquet(truth / "tracks.parquet", _tracks(samples))


def render_sample(folder: Path, settings: SemenSettings, index: int) -> str:
    """Draw and write the video of one participant alone, and return its name."""
    field = draw_field(
        width_px=settings.width_px,
        height_px=settings.height_px,
        frames=settings.frames,
        rng=random_stream(settings, "field", index),
    )
    frames = draw_semen(plan_sample(settings, index), field, um_per_px=settings.um_per_px)
    name = _video_name(index)
    with written_whole(folder / "videos" / name) as beside:
        write_video(beside, frames, codec=CODECS["mjpeg"], frame_rate_hz=settings.frame_rate_hz)
    return name


def _video_name(index: int) -> str:
    day = FIRST_DAY + timedelta(days=index)
    note = "_minor drift" if index % NOTED == NOTED - 1 else ""
    return f"{index + 1}_{day:%y.%m.%d}{note}_{ASSESSORS[index % len(ASSESSORS)]}.avi"


def _analysis(settings: SemenSettings, index: int, cells: Cells) -> dict[str, int | float]:
    """Return a row as a laboratory would write it; what a video cannot show is drawn."""
    rng = random_stream(settings, "table", index)
    has = _has_defects(cells)
    moving = apportion(np.array([_share_moving(cells, one) for one in MOTILITIES]), 100)
    defects = [float(round(100 * share)) for share in has.mean(axis=0)]
    abnormal = has.any(axis=1)
    area_um2 = settings.width_px * settings.height_px * settings.um_per_px**2
    per_ml = len(cells) / (area_um2 * CHAMBER_UM) * 1e6  # millions; a mL is 1e12 um3
    volume_ml = round(float(rng.gamma(5.6, 0.74)) + 0.5, 1)
    droplets = np.mean([cell.form.traits.droplet_um > 0 for cell in cells])
    return {
        "ID": index + 1,
        "Sperm concentration (x10⁶/mL)": round(per_ml, 1),
        "Total sperm count (x10⁶)": round(per_ml * volume_ml, 1),
        "Ejaculate volume (mL)": volume_ml,
        "Sperm vitality (%)": round(100 - float(rng.uniform(0.3, 0.8)) * int(moving[2])),
        "Normal spermatozoa (%)": round(100 * float(1 - abnormal.mean()), 1),
        "Head defects (%)": defects[0],
        "Midpiece and neck defects (%)": defects[1],
        "Tail defects (%)": defects[2],
        "Cytoplasmic droplet (%)": round(100 * float(droplets), 1),
        "Teratozoospermia index": round(float(has.sum() / max(1, abnormal.sum())), 2),
        "Progressive motility (%)": int(moving[0]),
        "Non progressive sperm motility (%)": int(moving[1]),
        "Immotile sperm (%)": int(moving[2]),
        "High DNA stainability, HDS (%)": int(rng.integers(2, 20)),
        "DNA fragmentation index, DFI (%)": int(rng.integers(3, 40)),
    }


def _has_defects(cells: Cells) -> np.ndarray:
    return np.array([[getattr(cell.form, f"{part}_defect") for part in DEFECTS] for cell in cells])


def _share_moving(cells: Cells, motility: str) -> float:
    return sum(cell.motility == motility for cell in cells) / len(cells)


def _shares(settings: SemenSettings, index: int, cells: Cells) -> dict[str, str | float]:
    """Return the exact shares of the video, and those of the sample that it was drawn from."""
    drawn = draw_shares(settings, index)
    defects = _has_defects(cells).mean(axis=0)
    return {
        "participant_id": str(index + 1),
        "video": _video_name(index),
        **{one: _share_moving(cells, one) for one in MOTILITIES},
        **{part: float(share) for part, share in zip(DEFECTS, defects, strict=True)},
        **dict(zip((f"drawn_{one}" for one in MOTILITIES), drawn.motility, strict=True)),
        **dict(zip((f"drawn_{part}" for part in DEFECTS), drawn.defects, strict=True)),
    }


def _sperm(samples: list[Cells]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "participant_id": str(number),
            "sperm_id": sperm_id,
            "motility": cell.motility,
            **{f"{part}_defect": getattr(cell.form, f"{part}_defect") for part in DEFECTS},
            **asdict(cell.route.traits),
        }
        for number, cells in enumerate(samples, start=1)
        for sperm_id, cell in enumerate(cells)
    )


def _tracks(samples: list[Cells]) -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "participant_id": str(number),
                    "sperm_id": sperm_id,
                    "visit": cell.route.visit,
                    "frame": np.arange(len(cell.route.visit)),
                    "x_px": cell.route.path.x_px,
                    "y_px": cell.route.path.y_px,
                    "heading_rad": cell.route.path.heading_rad,
                }
            )
            for number, cells in enumerate(samples, start=1)
            for sperm_id, cell in enumerate(cells)
        ],
        ignore_index=True,
    )


def _write_published(path: Path, table: pd.DataFrame) -> None:
    with written_whole(path) as beside:
        table.to_csv(
            beside, sep=";", decimal=",", index=False, encoding="utf-8-sig", lineterminator="\r\n"
        )
