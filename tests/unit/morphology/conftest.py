import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from rostfine.morphology.params import (
    ClassParams,
    DataParams,
    EvaluateParams,
    ExperimentParams,
    MorphologyParams,
    RegisterParams,
    SplitParams,
)
from rostfine.params import load_params
from rostfine.parsing import plain
from tests.unit.morphology.made import SMALL_NET

HIGH_PX, WIDE_PX = 40, 60
CHECKOUT = Path(__file__).parents[3]
Shape = Mapping[str, Any]
MakeData = Callable[..., DataParams]


@pytest.fixture
def data_params() -> MakeData:
    """Classes of good, bad and unjudged heads; `Head` and `Cap` are parts of the latter."""

    def make(**changes: Any) -> DataParams:
        classes = {
            "good": ClassParams(("Good",), "good"),
            "bad": ClassParams(("Bad",), "bad"),
            "head": ClassParams(("Nucleus", "Cap"), "head"),
            "acrosome": ClassParams(("Cap",), "acrosome"),
        }
        split = SplitParams(method="random", file=None, test=0.2, validation=0.2, seed=0)
        params = DataParams("data", classes, ("Tail",), "ellipse", None, "stop", split)
        return replace(params, **changes)

    return make


@pytest.fixture
def write_params(data_params: MakeData) -> Callable[[Path, DataParams], None]:
    """Write a whole `morphology/params.yaml` around params of data."""

    def write(path: Path, data: DataParams) -> None:
        whole = load_params(CHECKOUT / "params.yaml")
        fit = replace(
            next(iter(whole.experiments.values())).fit, augment=None, freeze="none", balance="none"
        )
        net = replace(SMALL_NET, width=64, image_px=128, rois=32, detections=20)
        params = MorphologyParams(
            data,
            {"one": ExperimentParams("paper", net, None, None, None, fit)},
            ("one",),
            whole.training,
            EvaluateParams(iou=0.5, bootstrap=10, seed=0),
            RegisterParams("one", "head-morphology"),
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(plain(params), sort_keys=False))

    return write


def box(left: float, top: float, right: float, bottom: float, label: str = "Good", **more) -> Shape:
    """Return a labelme polygon with the four corners of a box."""
    points = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return {"label": label, "points": points, "group_id": None, "shape_type": "polygon", **more}


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HIGH_PX, WIDE_PX, 3), np.uint8)


def write_labelme(
    path: Path,
    shapes: Sequence[Shape],
    *,
    seed: int = 0,
    inside: bool = False,
    write_image: bool = True,
    **changes: Any,
) -> Path:
    """Write the JSON `path` as labelme does, and its image inside or beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    held = BytesIO()
    Image.fromarray(picture(seed)).save(held, "PNG")
    beside = path.with_suffix(".png")
    if write_image and not inside:
        beside.write_bytes(held.getvalue())
    content = {
        "version": "5.0.1",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": beside.name,
        "imageData": base64.b64encode(held.getvalue()).decode() if inside else None,
        "imageHeight": HIGH_PX,
        "imageWidth": WIDE_PX,
        **changes,
    }
    path.write_text(json.dumps(content))
    return path
