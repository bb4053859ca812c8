"""The tables of the head pipeline, as `docs/heads.md` tells them."""

from typing import Final

from rostfine.morphology.params import FOLDER
from rostfine.schemas import Table

PICTURES_FILE: Final = FOLDER / "pictures.parquet"
INSTANCES_FILE: Final = FOLDER / "instances.parquet"
FAULTS_FILE: Final = FOLDER / "faults.parquet"
RUNS: Final = FOLDER / "runs"

PICTURES: Final = Table(
    {
        "picture_id": "text",
        "path": "text",  # of the image, or of the annotation that holds it
        "source": "text",  # of the annotation
        "split": "text",
        "width_px": "integer",
        "height_px": "integer",
        "sha256": "text",  # of the pixels
    },
    key=("picture_id",),
)
_OF_INSTANCES = {
    "picture_id": "text",
    "instance": "integer",
    "class_name": "text",
    "score": "number",
    "left_px": "number",
    "top_px": "number",
    "right_px": "number",
    "bottom_px": "number",
    "mask": "text",  # COCO run lengths
    "group": "text",
    "outlined": "integer",  # 0: only a box is known
}
INSTANCES: Final = Table(
    _OF_INSTANCES, key=("picture_id", "instance"), optional=frozenset({"group"})
)
AS_PUBLISHED_FILE: Final = "predictions_published.parquet"
"""Beside the predictions of a run of `variant: published`: with the mean subtracted twice."""
FOUND: Final = INSTANCES
"""Of pictures that were not trained on: what a network finds in them."""
FAULTS: Final = Table({"where": "text", "kind": "text", "line": "text"})
