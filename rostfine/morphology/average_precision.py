"""COCO's average precision of boxes and masks, by pycocotools, in memory and without its talk."""

import io
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Float64
from numpy import ndarray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rostfine.morphology.heads import Instance, Picture
from rostfine.morphology.matching import outlined_only, paired

Kind = Literal["boxes", "masks"]
LOWEST_IOU: Final = 0.5
RECALLS: Final[Float64[ndarray, " recall"]] = np.linspace(0, 1, 101)
"""Where COCO reads a precision-recall curve."""
_MOST: Final = 100  # instances of a class in a picture; COCO counts no more
_ALL_SIZES: Final = [0.0, 1e10]
_IOU_TYPES: Final = {"boxes": "bbox", "masks": "segm"}
_AT_50, _AT_75 = 0, 5  # places among COCO's IoU 0.50, 0.55 .. 0.95


@dataclass(frozen=True)
class AveragePrecision:
    """COCO's AP of each class, over IoU 0.50 to 0.95, at 0.50, and at 0.75.

    `precision50` is the precision at RECALLS at IoU 0.50. A class that no picture has is NaN.
    """

    classes: tuple[str, ...]
    ap: Float64[ndarray, " class"]
    ap50: Float64[ndarray, " class"]
    ap75: Float64[ndarray, " class"]
    precision50: Float64[ndarray, "class recall"]

    def means(self) -> dict[str, float]:
        """Return `ap`, `ap50` and `ap75`, each the mean of the classes that pictures have."""
        values = {"ap": self.ap, "ap50": self.ap50, "ap75": self.ap75}
        return {name: _mean_of_known(of_class) for name, of_class in values.items()}


def average_precision(
    truth: Sequence[Picture], found: Sequence[Picture], classes: Iterable[str], kind: Kind
) -> AveragePrecision:
    """Evaluate what was found, with all its scores, as COCO does.

    Masks are judged where both sides outlined them. Raises InputError if a picture is on one side
    only.
    """
    names = tuple(classes)
    pairs = paired(truth, found)
    if kind == "masks":
        pairs = [outlined_only(pair, LOWEST_IOU) for pair in pairs]
    with redirect_stdout(io.StringIO()):
        judge = COCOeval(
            _coco([true for true, _ in pairs], names),
            _coco([said for _, said in pairs], names),
            _IOU_TYPES[kind],
        )
        judge.params.areaRng, judge.params.areaRngLbl = [_ALL_SIZES], ["all"]
        judge.params.maxDets = [_MOST]
        judge.evaluate()
        judge.accumulate()
    found_at: ndarray = judge.eval["precision"][:, :, :, 0, 0]  # IoU, recall, class
    precision = np.where(found_at < 0, np.nan, found_at)  # COCO says -1 for what is undefined
    return AveragePrecision(
        classes=names,
        ap=precision.mean(axis=(0, 1)),
        ap50=precision[_AT_50].mean(axis=0),
        ap75=precision[_AT_75].mean(axis=0),
        precision50=precision[_AT_50].T,
    )


def _coco(pictures: Sequence[Picture], classes: tuple[str, ...]) -> COCO:
    ids = count(1)  # to pycocotools, what is matched with number 0 is not matched
    numbers = {name: number for number, name in enumerate(classes)}
    made = COCO()
    made.dataset = {
        "images": [
            {"id": number, "height": one.height_px, "width": one.width_px}
            for number, one in enumerate(pictures)
        ],
        "categories": [{"id": number, "name": name} for name, number in numbers.items()],
        "annotations": [
            _annotation(one, next(ids), image, numbers[one.class_name])
            for image, picture in enumerate(pictures)
            for one in picture.instances
            if one.class_name in numbers
        ],
    }
    made.createIndex()
    return made


def _annotation(one: Instance, number: int, image: int, category: int) -> dict[str, Any]:
    left, top, right, bottom = one.box_px
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [left, top, right - left, bottom - top],
        "segmentation": one.mask,
        "area": one.area_px,
        "score": one.score,
        "iscrowd": 0,
    }


def _mean_of_known(of_class: Float64[ndarray, " class"]) -> float:
    known = of_class[~np.isnan(of_class)]
    return float(known.mean()) if len(known) else float("nan")
