from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rostfine.clips.dataset import ClipFiles
from rostfine.clips.transforms import to_input
from rostfine.evaluation.sufficiency import sufficiency
from rostfine.evaluation.tables import Truth
from rostfine.models import build_experiment
from rostfine.studies.backbone_features import features_of, shown_place
from rostfine.studies.backbone_grid import grid_of
from rostfine.studies.feature_space import (
    ALL,
    Space,
    draw_pc1,
    draw_space,
    spaces_of,
    sufficiency_table,
)
from rostfine.studies.held_out import HeldOut
from rostfine.studies.results import Results


@pytest.fixture
def truth(results_of: Callable[..., Results]) -> Truth:
    return results_of("backbone_loss").truth


@pytest.fixture
def spaces(truth: Truth) -> dict[str, Space]:
    """Spaces of features that are the mean grade along one axis, another way in each fold."""
    rng = np.random.default_rng(3)
    features = []
    for fold, way in enumerate((1.0, -1.0, 2.0)):
        grades = truth.labels[truth.folds == fold] @ np.arange(5)
        made = rng.normal(0, 0.05, (len(grades), 4))
        made[:, 2] += way * grades
        features.append(made.astype(np.float32))
    return spaces_of(features, truth)


def test_pc1_rises_with_the_grade_in_every_fold(truth: Truth, spaces: dict[str, Space]) -> None:
    for fold in range(3):
        grades = truth.labels[truth.folds == fold] @ np.arange(5)
        found = spaces[f"Fold {fold}"]
        assert np.corrcoef(found.components[:, 0], grades)[0, 1] > 0.95
        assert found.shares[0] > 0.9


def test_all_folds_are_laid_together(spaces: dict[str, Space]) -> None:
    together = spaces[ALL]
    assert together.components.shape == (24, 2)
    np.testing.assert_array_equal(together.components[8:16], spaces["Fold 1"].components)
    shares = [spaces[f"Fold {fold}"].shares for fold in range(3)]
    np.testing.assert_allclose(together.shares, np.mean(shares, axis=0))


def test_eq_8_stands_beside_the_papers_for_all_folds_only(
    spaces: dict[str, Space], cell_of: Callable[..., Any]
) -> None:
    table = sufficiency_table(spaces, "TimeSformer, EMD")
    found = sufficiency(spaces[ALL].components[:, 0])
    half_width = cell_of(table, ALL, "Half-width of its mean")
    assert half_width["mean"] == pytest.approx(1.96 * found.sd / 24**0.5)
    assert half_width["paper"] == 0.065
    assert cell_of(table, ALL, "PC1")["paper"] == 69
    heading, *_, last = table.texts()
    assert last[heading.index("PC1 (% of variance), paper*")] == "69"
    assert cell_of(table, ALL, "PC1")["mean"] > 90
    assert np.isnan(cell_of(table, "Fold 0", "Mean of log PC1")["paper"])
    assert cell_of(table, "Fold 0", "Mean of log PC1")["mean"] == pytest.approx(
        sufficiency(spaces["Fold 0"].components[:, 0]).mean
    )


def test_figures_say_what_they_show(spaces: dict[str, Space]) -> None:
    space, pc1 = draw_space(spaces, "TimeSformer, EMD"), draw_pc1(spaces, "TimeSformer, EMD")
    found = sufficiency(spaces[ALL].components[:, 0])
    assert [f"Fold {fold}" in space.svg_file for fold in range(4)] == [True, True, True, False]
    assert "modal grade" in space.svg_file
    assert f"± {found.half_width:.3f} (eq. 8)" in pc1.says
    assert "log (PC1 + bias)" in pc1.svg_file


def test_features_are_those_that_the_head_is_given(
    results_of: Callable[..., Results], tmp_path: Path
) -> None:
    study = results_of("backbone_loss", setting="smoke").study
    shown = shown_place(grid_of(study))
    assert shown is not None
    experiment = study.experiments[shown.experiment]
    clips = np.random.default_rng(0).integers(0, 256, (9, 16, 48, 48, 3), dtype=np.uint8)
    paths = tuple(tmp_path / f"{number}.npz" for number in range(9))
    for path, clip in zip(paths, clips, strict=True):
        np.savez(path, frames=clip)
    model = build_experiment(experiment).eval()
    speeds = torch.linspace(1, 9, 9)
    fold = HeldOut(np.arange(9), model, experiment.input, ClipFiles(paths), speeds)
    with torch.inference_mode():
        wanted = model(to_input(torch.from_numpy(clips), experiment.input), speeds).features["g"]
    np.testing.assert_allclose(features_of(fold), wanted.numpy(), atol=1e-5)


def test_no_features_are_shown_where_timesformer_by_emd_was_left_out(
    results_of: Callable[..., Results],
) -> None:
    study = results_of("backbone_loss", leave_out=["timesformer_emd"]).study
    assert shown_place(grid_of(study)) is None
