import io
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imsave

from rostfine.evaluation.ceiling import experts_ceiling
from rostfine.evaluation.comparison import compare, evaluate
from rostfine.evaluation.tables import Truth
from rostfine.labels.aggregate import aggregate_votes
from rostfine.params import LabelParams
from rostfine.report.page import Explained, ReportData, Sample
from rostfine.schemas import GRADE_COLUMNS, GRADES

COUNT = 30
GATE = {
    "name": "m",
    "challenger": 7,
    "champion": 6,
    "decided_at": "2026-05-28T02:10:00+00:00",
    "approval": "manual",
    "clips": COUNT,
    "patients": 15,
    "verdict": "refused",
    "checks": [
        {"name": "beats ZeroR", "passed": True, "says": "emd minus ZeroR's -0.2"},
        {"name": "drift of labels", "passed": False, "says": "EMD of the mean label is 0.9"},
    ],
    "metrics": {"challenger": {"emd": 0.125, "hi": 0.5}, "ZeroR": {"emd": 0.25, "hi": 0.4}},
}


@pytest.fixture(scope="session")
def data() -> ReportData:
    """A study of 30 clips by 15 patients, with one experiment that is half right."""
    rng = np.random.default_rng(0)
    names = [f"S{i:02d}" for i in range(COUNT)]
    patients = tuple(f"P{i // 2:02d}" for i in range(COUNT))
    votes = _votes(names, rng)
    labels = aggregate_votes(votes, names, LabelParams(1, "stop"))
    true = labels[list(GRADE_COLUMNS)].to_numpy()
    truth = Truth(tuple(names), true, np.arange(COUNT) // 2 % 5, patients)
    predicted = (true + true.mean(axis=0)) / 2
    predictions = {"half <right>": predicted}
    ceiling = experts_ceiling(votes, truth, np.random.default_rng(1), splits=5)
    frames = rng.integers(0, 256, (16, 20, 20, 3), dtype=np.uint8)
    return ReportData(
        experiment="half <right>",
        facts={"Registered as": "models:/m/7"},
        gate=GATE,
        as_of="2026-05-28",
        clips=_clips(names, patients),
        labels=labels,
        votes=1234,
        experts=8,
        summary=compare(predictions, truth, rng, rounds=200, ceiling=ceiling),
        fold_metrics=evaluate(predictions, truth),
        histories={"half <right>": {"fold_0": _history(), "final": _history()}},
        true=true,
        predicted=predicted,
        samples=[Sample("S03", "P01", frames, np.eye(5)[0], np.array([0.6, 0.4, 0, 0, 0]))],
        explained=[Explained("half <right>", "S03", 4.25, _png(frames[0]))],
    )


def _png(picture: np.ndarray) -> bytes:
    image = io.BytesIO()
    imsave(image, picture, format="png")
    return image.getvalue()


def _votes(names: list[str], rng: np.random.Generator) -> pd.DataFrame:
    rows = [(s, f"E{e}", GRADES[rng.integers(5)]) for s in names for e in range(6)]
    votes = pd.DataFrame(rows, columns=["sample_id", "expert_id", "grade"])
    return votes.assign(voted_at=pd.Timestamp("2026-05-28", tz="UTC"))


def _clips(names: list[str], patients: tuple[str, ...]) -> pd.DataFrame:
    usable = pd.DataFrame({"sample_id": names, "patient_id": patients, "status": "ok"})
    lost = pd.DataFrame({"sample_id": ["S90"], "patient_id": ["P90"], "status": ["lost"]})
    clips = pd.concat([usable, lost], ignore_index=True)
    clips["video_id"] = clips["patient_id"]
    clips["reason"] = [""] * COUNT + ["out of sight from frame 9"]
    return clips


def _history() -> list[dict[str, Any]]:
    return [
        {
            "epoch": epoch,
            "train": {"total": 1 / (1 + epoch)},
            "valid": {"total": 1.5 / (1 + epoch)},
            "best": epoch,
        }
        for epoch in range(5)
    ]


@pytest.fixture(scope="session")
def text_of():
    """Return what a page says, without its pictures."""

    def read(html: str) -> str:
        body = re.sub(r"<(style|svg).*?</\1>", " ", html, flags=re.DOTALL)
        return " ".join(re.sub(r"<[^>]+>", " ", body).split())

    return read
