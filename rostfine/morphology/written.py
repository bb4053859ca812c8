"""What was found in pictures and videos, as tables and as COCO results, for others to read."""

import csv
import io
import json
import math
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rostfine.files import written_whole
from rostfine.morphology.heads import Instance
from rostfine.morphology.measures import MEASURES, is_head, measure
from rostfine.morphology.params import Roles
from rostfine.morphology.verdict import QUALITIES, Tally, Verdict

INSTANCES_CSV: Final = "instances.csv"
INSTANCES_JSON: Final = "instances.json"
VERDICTS_CSV: Final = "verdicts.csv"
FAILED_CSV: Final = "failed.csv"

PLACE: Final = ("picture", "frame", "time_s", "track_id", "class", "quality", "score")
BOX: Final = ("left_px", "top_px", "right_px", "bottom_px")
OF_VERDICT: Final = (
    "track_id",
    "quality",
    "tied",
    "share",
    "mean_score",
    "first_frame",
    "last_frame",
)
VERDICT: Final = ("picture", "class", *OF_VERDICT)


class Findings:
    """Gathers what is found, picture by picture; one that fails stops no other.

    What is gathered is text already, about 1 kB an instance: a long video fits in memory.
    """

    def __init__(self, classes: Roles, *, um_per_px: float | None) -> None:
        self._classes, self._um_per_px = classes, um_per_px
        self._rows = _Rows((*PLACE, *BOX, *MEASURES))
        self._results = _begin("[\n")
        self._count = 0
        self._found = Counter[str]()
        self._failures: list[str] = []
        self._failed = _Rows(("picture", "reason"))
        self._tallies: dict[tuple[str, int], Tally] = {}

    def add(
        self,
        picture_id: str,
        instances: Sequence[Instance],
        *,
        frame: int | None = None,
        time_s: float | None = None,
        track_ids: Sequence[int | None] | None = None,
    ) -> None:
        """Take the instances of a picture, or of a frame of a video with the tracks of each."""
        ids = track_ids if track_ids is not None else [None] * len(instances)
        for one, track_id in zip(instances, ids, strict=True):
            place = dict(zip(PLACE, (picture_id, frame, time_s, track_id), strict=False))
            measures = self._measure(one, instances)
            quality = QUALITIES.get(self._classes[one.class_name])
            said = {"class": one.class_name, "quality": quality, "score": one.score}
            self._rows.add({**place, **said, **dict(zip(BOX, one.box_px, strict=True)), **measures})
            self._results.write(",\n" if self._count else "")
            self._results.write(self._as_result(one, {**place, "quality": quality, **measures}))
            self._count += 1
            self._found[one.class_name] += 1
            if track_id is not None and frame is not None:
                key = (picture_id, track_id)
                self._tallies.setdefault(key, Tally(track_id, self._classes)).add(frame, one)

    def fail(self, picture_id: str, reason: str) -> None:
        """Note that a picture, or a video from some frame on, could not be used."""
        self._failed.add({"picture": picture_id, "reason": reason})
        self._failures.append(reason if picture_id in reason else f"{picture_id}: {reason}")

    @property
    def failures(self) -> list[str]:
        """Return a line for each that failed, in their order."""
        return list(self._failures)

    def lines(self) -> list[str]:
        """Say how many instances of each class were found, and the verdict on each track."""
        counts = ", ".join(f"{name} {self._found[name]}" for name in self._classes)
        verdicts = (
            f"{video}: sperm {one.track_id} is {one.quality} ({one.class_name} in "
            f"{one.votes.get(one.class_name, 0)} of {sum(one.votes.values())} frames)"
            for video, one in self.decide()
        )
        return [f"found: {counts}", *verdicts]

    def decide(self) -> list[tuple[str, Verdict]]:
        """Return the verdict on each track so far, each with the name of its video."""
        return [(video, tally.decide()) for (video, _), tally in self._tallies.items()]

    def write(self, folder: Path) -> None:
        """Write each file whole; those that have nothing to say here are removed.

        `instances.json` is a list of COCO results, whose categories count from 1 in the order of
        the classes; `image_id` is the picture, with `#` and the frame for one of a video.
        """
        _write(folder / INSTANCES_CSV, self._rows.file)
        _write(folder / INSTANCES_JSON, self._results, end="\n]\n")
        for name, rows in ((VERDICTS_CSV, self._verdict_rows()), (FAILED_CSV, self._failed)):
            if rows.count:
                _write(folder / name, rows.file)
            else:
                (folder / name).unlink(missing_ok=True)

    def _measure(self, one: Instance, among: Sequence[Instance]) -> dict[str, float | int | None]:
        if not is_head(one, self._classes):
            return {}
        return measure(one, among, self._um_per_px, classes=self._classes).named()

    def _as_result(self, one: Instance, more: Mapping[str, Any]) -> str:
        left, top, right, bottom = one.box_px
        frame = "" if more["frame"] is None else f"#{more['frame']}"
        result = {
            "image_id": f"{more['picture']}{frame}",
            "category_id": list(self._classes).index(one.class_name) + 1,
            "category": one.class_name,
            "bbox": [left, top, right - left, bottom - top],
            "score": one.score,
            "segmentation": {"size": one.mask["size"], "counts": one.mask["counts"].decode()},
        }
        return json.dumps({**result, **{name: _plain(value) for name, value in more.items()}})

    def _verdict_rows(self) -> "_Rows":
        heads = [name for name, role in self._classes.items() if role in QUALITIES]
        rows = _Rows((*VERDICT, *(f"votes_{name}" for name in heads)))
        for video, one in self.decide():
            said = {name: getattr(one, name) for name in OF_VERDICT}
            votes = {f"votes_{name}": one.votes.get(name, 0) for name in heads}
            rows.add({"picture": video, **said, "class": one.class_name, **votes})
        return rows


class _Rows:
    """The text of a CSV, row by row."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.count = 0
        self.file = _begin()
        self._writer = csv.DictWriter(self.file, columns, restval="", lineterminator="\n")
        self._writer.writeheader()

    def add(self, row: Mapping[str, Any]) -> None:
        self.count += 1
        self._writer.writerow({name: _plain(value) for name, value in row.items()})


def _plain(value: Any) -> Any:
    """Return numbers with digits that mean something, None for those that are not known."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return int(value) if isinstance(value, bool) else value


def _begin(start: str = "") -> io.TextIOWrapper:
    """Return a text to add to that is kept as bytes: characters would take four times as many."""
    text = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    text.write(start)
    return text


def _write(path: Path, text: io.TextIOWrapper, *, end: str = "") -> None:
    with written_whole(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        text.seek(0)
        shutil.copyfileobj(text, file)
        file.write(end)
