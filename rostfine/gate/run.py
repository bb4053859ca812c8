"""The gate over a workspace: gathers both models' evidence, judges, keeps what was said."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from rostfine.errors import RegistryError
from rostfine.evaluation.definitions import MAIN_METRICS, compute_scores
from rostfine.evaluation.tables import ZERO_R, Truth, align, gather_truth, zero_r
from rostfine.files import read_json, write_json
from rostfine.gate.champion import Standing, predict_as, read_standing
from rostfine.gate.checks import check_images, check_labels, check_models
from rostfine.gate.decision import Check, Decision
from rostfine.params import GateParams
from rostfine.registry import (
    CHALLENGER,
    CHAMPION,
    ROLLED_BACK_AT,
    Version,
    fetch_kept,
    find_version,
    keep_with,
    list_versions,
)
from rostfine.schemas import CLIPS, FOLDS, IMAGES, LABELS, PREDICTIONS, read_table


def decide(workspace: Path, experiment: str, params: GateParams) -> Decision:
    """Judge the version of registry.json, made of `experiment`, against the champion.

    What was said is kept with both versions. A challenger that is the champion already is judged
    as it was then.

    Raises RegistryError if the version is not in the registry, or that does not answer.
    """
    registered = read_json(workspace / "registry.json")
    name, number = str(registered["name"]), int(registered["version"])
    challenger = find_version(name, number, workspace)
    if challenger is None:
        raise RegistryError(f"registry.json: no version {number} of model {name!r} in the registry")
    champion = find_version(name, CHAMPION, workspace)
    if champion and champion.version == challenger.version:
        return _said_of(challenger, workspace)
    seen = _look(workspace, experiment)
    standing = read_standing(champion, workspace) if champion else None
    mistrusted = champion is not None and _rolled_back_since(champion, workspace)
    decision = _judge(challenger, standing, seen, params, workspace, mistrusted=mistrusted)
    for version in filter(None, (challenger, champion)):
        _keep(version, decision, workspace)
    return decision


@dataclass(frozen=True)
class _Seen:
    """What the workspace holds of the challenger."""

    truth: Truth
    predicted: Float[ndarray, "sample grade"]
    clips: pd.DataFrame
    labels: pd.DataFrame
    images: pd.DataFrame


def _look(workspace: Path, experiment: str) -> _Seen:
    data = workspace / "data"
    clips = read_table(data / "clips.parquet", CLIPS)
    labels = read_table(data / "labels.parquet", LABELS)
    truth = gather_truth(labels, read_table(data / "folds.parquet", FOLDS), clips)
    found = read_table(workspace / "runs" / experiment / "predictions.parquet", PREDICTIONS)
    predicted = align(found, truth, experiment)
    return _Seen(truth, predicted, clips, labels, read_table(data / "images.parquet", IMAGES))


def _judge(
    challenger: Version,
    champion: Standing | None,
    seen: _Seen,
    params: GateParams,
    workspace: Path,
    *,
    mistrusted: bool,
) -> Decision:
    truth, new, old = seen.truth, seen.predicted, None
    if champion:
        old = predict_as(champion, truth, seen.clips, workspace)
        both = ~np.isnan(old).any(axis=1)
        common = _only(truth, both)
        if len(set(common.patients)) > 1 and len(set(common.folds)) > 1:
            truth, new, old = common, new[both], old[both]
        else:
            old = None
    checks = [
        *_of_history(challenger),
        *_of_comparison(champion, old, seen),
        *check_models(new, old, truth, params),
        *check_labels(seen.labels, champion.labels if champion else None, params),
        *check_images(seen.images, champion.images if champion else None, params),
    ]
    return Decision(
        name=challenger.name,
        challenger=challenger.version,
        champion=champion.version.version if champion else None,
        decided_at=datetime.now(UTC).isoformat(timespec="seconds"),
        approval="manual" if mistrusted else params.approval,
        clips=len(truth.sample_ids),
        patients=len(set(truth.patients)),
        checks=tuple(checks),
        metrics=_metrics({CHALLENGER: new, CHAMPION: old}, truth),
    )


def _rolled_back_since(champion: Version, workspace: Path) -> bool:
    """Tell whether a person took back a newer version: they know what no number here says."""
    return any(
        version.version > champion.version and ROLLED_BACK_AT in version.tags
        for version in list_versions(champion.name, workspace)
    )


def _of_history(challenger: Version) -> Iterator[Check]:
    if when := challenger.tags.get(ROLLED_BACK_AT):
        yield Check("never rolled back", False, 1.0, 0.0, f"it was rolled back at {when}")


def _of_comparison(
    champion: Standing | None, predicted: Float[ndarray, "sample grade"] | None, seen: _Seen
) -> Iterator[Check]:
    """Tell whether the champion can be held against the challenger, and on how many clips."""
    if champion is None:
        return
    clips = 0 if predicted is None else len(predicted)
    share = clips / len(seen.predicted)
    kept = champion.labels is not None and champion.images is not None
    says = f"{clips} of {len(seen.predicted)} clips, wanted half of them at least"
    if not kept:
        says = f"labels or images of version {champion.version.version} were not kept"
    what = "" if share >= 0.5 and kept else ": promote by hand, if you must"
    yield Check("comparable", share >= 0.5 and kept, share, 0.5, f"{says}{what}")


def _only(truth: Truth, rows: ndarray) -> Truth:
    """Return the samples that both predicted; ZeroR is then of these alone."""
    pick = np.flatnonzero(rows)
    return Truth(
        tuple(truth.sample_ids[row] for row in pick),
        truth.labels[pick],
        truth.folds[pick],
        tuple(truth.patients[row] for row in pick),
    )


def _metrics(
    predictions: Mapping[str, Float[ndarray, "sample grade"] | None], truth: Truth
) -> dict[str, dict[str, float]]:
    said = {**predictions, ZERO_R: zero_r(truth.labels, truth.folds)}
    scores = {
        name: compute_scores(found, truth.labels)
        for name, found in said.items()
        if found is not None
    }
    return {name: {m: float(of[m].value()) for m in MAIN_METRICS} for name, of in scores.items()}


def _file_of(decision: Decision) -> str:
    return f"decisions/{decision.challenger}-against-{decision.champion or 'none'}.json"


def _keep(version: Version, decision: Decision, workspace: Path) -> None:
    name = _file_of(decision)
    with TemporaryDirectory(prefix="rostfine-") as made:
        path = Path(made) / Path(name).name
        write_json(path, decision.to_json())
        said = {"decision": name, "verdict": decision.verdict}
        is_its = version.version == decision.challenger
        keep_with(version, name, path, said if is_its else {}, workspace)


def _said_of(version: Version, workspace: Path) -> Decision:
    """Return what was decided when a version became champion."""
    with TemporaryDirectory(prefix="rostfine-") as made:
        name = version.tags.get("decision")
        path = fetch_kept(version, name, Path(made), workspace) if name else None
        if path:
            return Decision.from_json(read_json(path))
    return Decision(version.name, version.version, None, version.created_at, "auto", 0, 0, (), {})
