"""Pictures of stained sperm heads, annotated as by labelme, with what is true beside them."""

from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pandas as pd

from rostfine.files import write_json, written_whole
from rostfine.progress import Advance, silent
from rostfine.simulate.heads_contour import Polygon
from rostfine.simulate.heads_draw import Photo, draw_camera, draw_slide, take
from rostfine.simulate.heads_plan import HeadSettings, Sperm, plan_picture, random_stream
from rostfine.simulate.pool import in_processes
from rostfine.simulate.study import write_parquet

__all__ = ["HeadSettings", "draw_picture", "simulate_heads"]

LABELME: Final = "5.4.1"
ROUND: Final = 3
"""Decimals of a pixel."""


def simulate_heads(
    folder: Path,
    settings: HeadSettings,
    *,
    advance: Advance = silent,
    processes: int | None = None,
) -> None:
    """Write `train/`, `validation/` and `test/` into `folder`, and what nobody knows to `truth/`.

    The same settings give the same bytes, whatever the number of processes (None: one for each
    core). `advance` is called once for each picture.

    Raises InputError if a picture has no room for its sperm.
    """
    indices = range(settings.pictures)
    for name in in_processes(partial(_write_picture, folder, settings), indices, processes):
        advance(note=name)
    rows = [row for index in indices for row in _truth(settings, index)]
    write_parquet(folder / "truth" / "sperm.parquet", pd.DataFrame(rows))


def draw_picture(settings: HeadSettings, index: int) -> Photo:
    """Draw one picture alone, in red, green and blue."""
    return _draw(settings, index, plan_picture(settings, index))


def _draw(settings: HeadSettings, index: int, sperm: tuple[Sperm, ...]) -> Photo:
    size = (settings.width_px, settings.height_px)
    rng = random_stream(settings, "slide", index)
    slide = draw_slide(sperm, size, settings.um_per_px, rng)
    sensor = random_stream(settings, "sensor", index)
    return take(slide, draw_camera(size, settings.um_per_px, sensor), sensor)


def _write_picture(folder: Path, settings: HeadSettings, index: int) -> str:
    name = _name(index)
    path = folder / settings.split_of(index) / f"{name}.png"
    sperm = plan_picture(settings, index)
    bgr = np.ascontiguousarray(_draw(settings, index, sperm)[:, :, ::-1])
    with written_whole(path) as beside:
        beside.write_bytes(cv2.imencode(".png", bgr)[1].tobytes())
    write_json(path.with_suffix(".json"), _annotation(settings, index, sperm))
    return name


def _name(index: int) -> str:
    return f"slide_{index + 1:04d}"


def _annotation(settings: HeadSettings, index: int, sperm: tuple[Sperm, ...]) -> dict[str, Any]:
    return {
        "version": LABELME,
        "flags": {},
        "shapes": [
            shape
            for number, one in enumerate(sperm, start=1)
            for shape in _shapes(one, number, parts=settings.parts)
        ],
        "imagePath": f"{_name(index)}.png",
        "imageData": None,
        "imageHeight": settings.height_px,
        "imageWidth": settings.width_px,
    }


def _shapes(sperm: Sperm, number: int, *, parts: bool) -> list[dict[str, Any]]:
    form = sperm.form
    outlines: list[tuple[str, Polygon]] = [(form.class_name, form.outline)]
    if parts:
        outlines.append(("Acrosome", form.acrosome))
        outlines += [("Vacuole", vacuole) for vacuole in form.vacuoles]
    return [
        {
            "label": label,
            "points": sperm.to_px(outline).round(ROUND).tolist(),
            "group_id": number,
            "description": "",
            "shape_type": "polygon",
            "flags": {},
        }
        for label, outline in outlines
    ]


def _truth(settings: HeadSettings, index: int) -> list[dict[str, Any]]:
    return [
        {
            "split": settings.split_of(index),
            "picture_id": _name(index),
            "sperm_id": number,
            "class_name": one.form.class_name,
            "length_um": one.form.length_um,
            "width_um": one.form.width_um,
            "ellipticity": one.form.length_um / one.form.width_um,
            "acrosome_share": one.form.acrosome_share,
            "vacuole_share": one.form.vacuole_share,
            "x_px": one.x_px,
            "y_px": one.y_px,
            "heading_rad": one.heading_rad,
        }
        for number, one in enumerate(plan_picture(settings, index), start=1)
    ]
