import csv
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rostfine.morphology.heads import Instance, decode, encode
from rostfine.morphology.measures import MEASURES
from rostfine.morphology.written import BOX, Findings

CLASSES = {"normal": "good", "tapered": "bad", "cap": "acrosome"}


def instance(name: str = "normal", score: float = 0.875, left: int = 10) -> Instance:
    mask = np.zeros((60, 80), bool)
    mask[20:32, left : left + 20] = True
    return Instance(name, (float(left), 20.0, left + 20.0, 32.0), encode(mask), score=score)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_of_a_picture_tells_class_quality_box_and_measures(tmp_path):
    findings = Findings(CLASSES, um_per_px=0.1)
    findings.add("a/b, c", [instance(), instance("cap")])
    findings.write(tmp_path)
    head, part = rows_of(tmp_path / "instances.csv")
    assert (head["picture"], head["class"], head["quality"]) == ("a/b, c", "normal", "good")
    numbers = [float(head[name]) for name in ("score", *BOX)]
    assert numbers == [0.875, 10, 20, 30, 32]
    assert float(head["area_um2"]) == pytest.approx(2.4)
    assert float(head["acrosome_share"]) == 1
    assert (head["frame"], head["track_id"], head["vacuole_share"]) == ("", "", "")
    assert (part["class"], part["quality"], part["length_px"]) == ("cap", "", "")
    assert tuple(head)[-len(MEASURES) :] == MEASURES


def test_without_a_scale_what_is_in_um_is_empty_and_null(tmp_path):
    findings = Findings(CLASSES, um_per_px=None)
    findings.add("a", [instance()])
    findings.write(tmp_path)
    assert rows_of(tmp_path / "instances.csv")[0]["length_um"] == ""
    (result,) = json.loads((tmp_path / "instances.json").read_text())
    assert result["length_um"] is None
    assert result["length_px"] == pytest.approx(20 * 2 / 3**0.5, abs=1e-3)


def test_json_is_read_as_results_by_coco_itself_with_the_masks_as_they_were(tmp_path):
    findings = Findings(CLASSES, um_per_px=None)
    findings.add("a", [instance(), instance("tapered", left=50)])
    findings.write(tmp_path)
    results = json.loads((tmp_path / "instances.json").read_text())
    assert results[0]["bbox"] == [10, 20, 20, 12]
    said = [(one["category_id"], one["category"]) for one in results]
    assert said == [(1, "normal"), (2, "tapered")]
    np.testing.assert_array_equal(
        decode(results[1]["segmentation"]), decode(instance(left=50).mask)
    )
    truth = COCO()
    kept = ("image_id", "category_id", "bbox", "segmentation")
    truth.dataset = {
        "info": {},
        "images": [{"id": "a", "height": 60, "width": 80}],
        "categories": [{"id": number + 1, "name": name} for number, name in enumerate(CLASSES)],
        "annotations": [
            {**{name: one[name] for name in kept}, "id": number + 1, "area": 240.0, "iscrowd": 0}
            for number, one in enumerate(results)
        ],
    }
    truth.createIndex()
    evaluation = COCOeval(truth, truth.loadRes(str(tmp_path / "instances.json")), "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)


def test_a_video_has_a_verdict_for_each_track_of_each_video(tmp_path):
    findings = Findings(CLASSES, um_per_px=None)
    for frame, score in enumerate((0.9, 0.6, 0.8)):
        name = "tapered" if frame else "normal"
        found = [instance(name, score), instance("cap"), instance(left=50)]
        findings.add("v.mp4", found, frame=frame, time_s=frame / 25, track_ids=[1, None, 2])
    findings.add("w.mp4", [instance()], frame=5, time_s=None, track_ids=[1])
    findings.write(tmp_path)
    first, second, other = rows_of(tmp_path / "verdicts.csv")
    assert (first["picture"], first["track_id"], first["class"]) == ("v.mp4", "1", "tapered")
    assert (first["quality"], first["votes_normal"], first["votes_tapered"]) == ("bad", "1", "2")
    assert (first["first_frame"], first["last_frame"], first["tied"]) == ("0", "2", "0")
    assert float(first["share"]) == pytest.approx(1.4 / 2.3, abs=1e-5)
    assert (second["track_id"], second["class"]) == ("2", "normal")
    assert (other["picture"], other["first_frame"]) == ("w.mp4", "5")
    assert "votes_cap" not in first
    row = rows_of(tmp_path / "instances.csv")[3]
    assert (row["frame"], row["time_s"], row["track_id"]) == ("1", "0.04", "1")
    results = json.loads((tmp_path / "instances.json").read_text())
    assert [one["image_id"] for one in results][2:4] == ["v.mp4#0", "v.mp4#1"]


def test_a_picture_that_fails_is_told_beside_the_good_ones_and_forgotten_the_next_time(tmp_path):
    findings = Findings(CLASSES, um_per_px=None)
    findings.add("a", [instance()])
    findings.fail("b", "b.png: not an image")
    findings.write(tmp_path)
    findings.write(tmp_path)
    assert len(rows_of(tmp_path / "instances.csv")) == 1
    assert rows_of(tmp_path / "failed.csv") == [{"picture": "b", "reason": "b.png: not an image"}]
    Findings(CLASSES, um_per_px=None).write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["instances.csv", "instances.json"]
    assert json.loads((tmp_path / "instances.json").read_text()) == []
    assert rows_of(tmp_path / "instances.csv") == []
