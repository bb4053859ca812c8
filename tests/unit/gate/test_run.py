"""The gate over a small workspace, with the real registry."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rostfine.evaluation.tables import ZERO_R
from rostfine.files import write_json
from rostfine.gate import Decision
from rostfine.gate.run import decide
from rostfine.models import build_model
from rostfine.params import load_params
from rostfine.registry import (
    CHALLENGER,
    Registration,
    fetch_kept,
    find_version,
    load,
    promote,
    register,
    rollback,
)
from rostfine.schemas import GRADE_COLUMNS
from rostfine.training.saved import save_model
from tests.unit.registry.conftest import EXPERIMENT, SETTINGS, make_workspace

pytestmark = [
    pytest.mark.filterwarnings("ignore:::mlflow"),
    pytest.mark.filterwarnings("ignore:::alembic"),
]

PARAMS = load_params(Path(__file__).parents[3] / "params.yaml").gate
CLIPS = 60
KEPT = ("predictions", "labels", "images")


class Lab:
    """A workspace of 60 clips of 12 patients, and versions of a model that are so far off."""

    def __init__(self, folder: Path) -> None:
        self.folder = make_workspace(folder)
        rng = np.random.default_rng(0)
        self.labels = rng.dirichlet(np.full(5, 0.4), CLIPS)
        self.ids = [f"S{row:02}" for row in range(CLIPS)]
        self.patients = [f"P{row % 12:02}" for row in range(CLIPS)]
        self.write("data/labels", self.shares(self.labels), n_votes=10, mode="A", agreement=0.5)
        self.write(
            "data/images", patient_id=self.patients, brightness=0.5, contrast=0.1, sharpness=0.02
        )
        self.write("data/folds", fold=np.arange(CLIPS) % 12 % 3)
        clips = {"video_id": self.patients, "patient_id": self.patients, "status": "ok"}
        self.write("data/clips", **clips)
        save_model(self.folder / "model", build_model(EXPERIMENT.model, EXPERIMENT.input), SETTINGS)

    def shares(self, values: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(GRADE_COLUMNS, values.T, strict=True))

    def write(self, name: str, values: dict[str, np.ndarray] | None = None, **more: object) -> None:
        table = pd.DataFrame({"sample_id": self.ids, **(values or {})}).assign(**more)
        if name == "data/labels":
            table = table.assign(mean=2.0, sd=1.0, entropy=1.0)
        path = self.folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(path)

    def challenge(self, off: float, *, kept: tuple[str, ...] = KEPT, known: int = CLIPS) -> int:
        """Register a version whose predictions are `off`; it was trained on `known` clips."""
        mean = self.labels.mean(axis=0)
        predicted = (1 - off) * self.labels + off * mean
        run = "runs/tiny/predictions"
        self.write(run, self.shares(predicted), fold=np.arange(CLIPS) % 12 % 3)
        path = self.folder / f"{run}.parquet"
        some = self.folder / "some.parquet"
        pd.read_parquet(path).iloc[:known].to_parquet(some)
        files = {name: self.folder / "data" / f"{name}.parquet" for name in KEPT}
        files["predictions"] = some
        done = register(
            self.folder / "model",
            "rostfine",
            alias=CHALLENGER,
            kept=Registration(files={f"{name}.parquet": files[name] for name in kept}),
            workspace=self.folder,
        )
        said = {"name": "rostfine", "version": done.version, "run_id": done.run_id}
        write_json(self.folder / "registry.json", said)
        return int(done.version)

    def judge(self) -> Decision:
        return decide(self.folder, "tiny", PARAMS)

    def promote(self, version: int) -> None:
        promote("rostfine", version, workspace=self.folder)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Lab(tmp_path / "study")


def names(decision: Decision) -> list[str]:
    return [check.name for check in decision.checks if not check.passed]


def test_what_was_decided_is_kept_with_both_versions(lab: Lab, tmp_path: Path) -> None:
    first = lab.challenge(0.4)
    said = lab.judge()
    assert (said.challenger, said.champion, said.promotes) == (first, None, True)
    lab.promote(first)
    second = lab.challenge(0.2)
    said = lab.judge()
    assert (said.challenger, said.champion, said.promotes) == (second, first, True)
    assert said.metrics["challenger"]["emd"] < said.metrics["champion"]["emd"]
    assert said.metrics["champion"]["emd"] < said.metrics[ZERO_R]["emd"]
    for number in (first, second):
        version = find_version("rostfine", number, lab.folder)
        assert version
        name = f"decisions/{second}-against-{first}.json"
        assert fetch_kept(version, name, tmp_path / str(number), lab.folder)
    lab.promote(second)
    assert lab.judge() == said


def test_clips_that_the_champion_never_saw_are_predicted_by_its_model(lab: Lab) -> None:
    lab.promote(lab.challenge(0.2, known=CLIPS - 2))
    frames = np.random.default_rng(1).integers(0, 256, (2, 16, 150, 150, 3), dtype=np.uint8)
    for sample_id, clip in zip(lab.ids[-2:], frames, strict=True):
        path = lab.folder / "data" / "clips" / f"{sample_id}.npz"
        path.parent.mkdir(exist_ok=True)
        np.savez(path, frames=clip)
    lab.challenge(0.2)
    said = lab.judge()
    known = 0.2**2 * _emd(np.tile(lab.labels.mean(axis=0), (CLIPS, 1)), lab.labels)
    with torch.random.fork_rng():
        unseen = load("rostfine/1", lab.folder).predict_clips(frames)
    wanted = np.concatenate([known[:-2], _emd(unseen, lab.labels[-2:])]).mean()
    assert said.clips == CLIPS
    assert said.metrics["champion"]["emd"] == pytest.approx(wanted, rel=1e-5)


def _emd(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    return np.square((predicted - true).cumsum(axis=1)).sum(axis=1)


def test_a_champion_of_which_nothing_was_kept_is_replaced_by_hand_only(lab: Lab) -> None:
    lab.promote(lab.challenge(0.4, kept=("labels", "images")))
    lab.challenge(0.1)
    said = lab.judge()
    assert names(said) == ["comparable"]
    assert "promote by hand" in str(said)


def test_after_a_rollback_a_person_is_asked_until_a_newer_version_is_champion(lab: Lab) -> None:
    lab.promote(lab.challenge(0.4))
    taken_back = lab.challenge(0.3)
    lab.promote(taken_back)
    rollback("rostfine", workspace=lab.folder)
    assert names(lab.judge()) == ["never rolled back"]
    newer = lab.challenge(0.2)
    said = lab.judge()
    assert (said.verdict, said.promotes) == ("passed", False)
    lab.promote(newer)
    lab.challenge(0.1)
    assert lab.judge().promotes
