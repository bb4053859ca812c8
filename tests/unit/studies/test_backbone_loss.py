import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from rostfine.studies.backbone_curves import curve_of, draw_curves
from rostfine.studies.backbone_grid import full_grid, grid_of
from rostfine.studies.backbone_loss import main_tables, pairs_tables, tabulate
from rostfine.studies.backbone_ranks import rank_tables
from rostfine.studies.hi_figures import draw_hi
from rostfine.studies.results import Results
from rostfine.studies.tables import PaperTable

MakeResults = Callable[..., Results]
ALL = [f"{b}_{o}" for b in ("resnet", "r2plus1d", "slowfast", "timesformer") for o in ("mse", "js")]
OTHERS = [name.replace("mse", "emd").replace("js", "ce") for name in ALL]


def by_name(tables: Sequence[PaperTable]) -> dict[str, PaperTable]:
    return {table.name: table for table in tables}


def test_places_are_ordered_as_in_the_paper(results_of: MakeResults) -> None:
    places = grid_of(results_of("backbone_loss").study)
    assert [place.label for place in places[:5]] == [
        "ResNet, EMD",
        "ResNet, MSE",
        "ResNet, JS",
        "ResNet, CE",
        "R(2+1)D, EMD",
    ]
    assert places[-1].label == "TimeSformer, CE"
    assert full_grid(places) == places


def test_an_added_experiment_of_a_place_that_is_taken_is_a_backbone_of_its_own(
    results_of: MakeResults,
) -> None:
    again = results_of("backbone_loss").study.experiments["resnet_js"]
    study = results_of("backbone_loss", add={"again": again}).study
    added = next(place for place in grid_of(study) if place.experiment == "again")
    assert added.label == "ResNet (again), JS"
    assert added not in full_grid(grid_of(study))


def test_a_backbone_that_lacks_a_loss_is_left_out_of_ranks_and_named(
    results_of: MakeResults,
) -> None:
    results = results_of("backbone_loss", leave_out=[*OTHERS, "slowfast_js"])
    table = rank_tables(results, grid_of(results.study))[0]
    assert set(table.cells["column"]) == {"ResNet", "R(2+1)D", "TimeSformer"}
    assert any("SlowFast, MSE" in note for note in table.notes)


def test_ranks_stand_beside_the_papers(
    results_of: MakeResults, cell_of: Callable[..., Any]
) -> None:
    truth = results_of("backbone_loss").truth.labels
    # The later backbone is nearer to the labels, and so is its JS nearer than its MSE.
    near = dict(zip(ALL, np.linspace(0.2, 0.9, len(ALL)), strict=True))
    predicted = {name: share * truth + (1 - share) / 5 for name, share in near.items()}
    results = results_of("backbone_loss", leave_out=OTHERS, predicted=predicted)
    tables = by_name(rank_tables(results, grid_of(results.study)))
    found = cell_of(tables["table_2"], "EMD rank", "SlowFast")
    assert (found["mean"], found["paper"]) == (2, 2.0)
    assert cell_of(tables["table_2"], "HI rank", "ResNet")["mean"] == 4
    assert cell_of(tables["table_2"], "Average", "ResNet")["paper"] == 3.18
    assert cell_of(tables["table_6"], "Top25% Macro HI rank", "TimeSformer")["mean"] == 1
    assert cell_of(tables["table_6"], "Average", "R(2+1)D")["paper"] == 3.42
    assert cell_of(tables["table_3"], "MSE rank", "JS")["mean"] == 1
    assert cell_of(tables["table_7"], "Average", "MSE")["mean"] == 2
    assert tables["table_7"].cells["paper"].isna().all()


def test_accuracies_stand_beside_those_that_are_legible_in_the_paper(
    results_of: MakeResults, cell_of: Callable[..., Any]
) -> None:
    kept = ["timesformer_js", "r2plus1d_emd"]
    truth = results_of("backbone_loss").truth.labels
    predicted = {"timesformer_js": truth, "r2plus1d_emd": truth[:, ::-1].copy()}
    whole = results_of("backbone_loss").study.experiments
    left_out = [name for name in whole if name not in kept]
    results = results_of("backbone_loss", leave_out=left_out, predicted=predicted)
    tables = by_name(main_tables(results, grid_of(results.study)))
    right = cell_of(tables["table_4"], "TimeSformer, JS", "Accuracy")
    assert (right["mean"], right["paper"]) == (100, 64.88)
    wrong = cell_of(tables["table_4"], "R(2+1)D, EMD", "Accuracy")
    assert wrong["mean"] < 60
    assert np.isnan(wrong["paper"])
    assert list(dict.fromkeys(tables["table_1"].cells["row"]))[-2:] == ["ZeroR", "Experts"]
    assert cell_of(tables["table_1"], "TimeSformer, JS", "Macro HI")["mean"] == pytest.approx(100)
    assert cell_of(tables["table_5"], "TimeSformer, JS", "Top75% HI")["mean"] == pytest.approx(100)


def test_backbones_are_held_against_each_other_over_all_losses(
    results_of: MakeResults, cell_of: Callable[..., Any]
) -> None:
    truth = results_of("backbone_loss").truth.labels
    even = np.full_like(truth, 0.2)
    kept = {"resnet_mse": truth, "resnet_js": even, "slowfast_mse": even, "slowfast_js": even}
    whole = results_of("backbone_loss").study.experiments
    left_out = [name for name in whole if name not in kept]
    results = results_of("backbone_loss", leave_out=left_out, predicted=kept)
    tables = by_name(pairs_tables(results, full_grid(grid_of(results.study))))
    shared = np.minimum(truth, even).sum(axis=1).mean()
    found = cell_of(tables["pairs_backbones"], "ResNet – SlowFast", "HI")
    assert found["mean"] == pytest.approx(100 * (1 - shared) / 2)
    assert tables["pairs_backbones"].notes[0] == "Positive: the first is better"
    found = cell_of(tables["pairs_losses"], "MSE – JS", "HI")
    assert found["mean"] == pytest.approx(100 * (1 - shared) / 2)


def test_curves_bear_their_best_epoch_only_where_clips_chose_it(results_of: MakeResults) -> None:
    kept = {"resnet_js": [3.0, 1.0, 2.0], "slowfast_js": None}
    whole = results_of("backbone_loss").study.experiments
    results = results_of("backbone_loss", leave_out=[name for name in whole if name not in kept])
    for name, chosen in kept.items():
        write_losses(results, name, [4.0, 3.0, 2.0], chosen)
    curve = curve_of(results.history("resnet_js"))
    assert curve.to_dict() == {1: 4.0, 2: 2.0, 3: 3.0}
    figure = draw_curves(results, grid_of(results.study))
    assert "ResNet (2)" in figure.svg_file
    assert "SlowFast<" in figure.svg_file
    assert "lowest mean: ResNet, JS 2." in figure.says
    assert "Dashed: of the clips trained on" in figure.says


def test_a_single_epoch_is_numbered_1_and_nothing_between(results_of: MakeResults) -> None:
    whole = results_of("backbone_loss").study.experiments
    left_out = [name for name in whole if name != "resnet_js"]
    results = results_of("backbone_loss", leave_out=left_out)
    write_losses(results, "resnet_js", [4.0], None)
    figure = draw_curves(results, grid_of(results.study))
    _, axis = figure.svg_file.split('<g id="matplotlib.axis_1">')
    below, _ = axis.split('<g id="matplotlib.axis_2">')
    assert re.findall(r"<text[^>]*>([^<]*)<", below) == ["1", "epoch"]


def write_losses(
    results: Results, name: str, trained: Sequence[float], chosen: Sequence[float] | None
) -> None:
    """Write a history of every fold; on the clips that choose, the last fold does worse."""
    for fold in range(3):
        path = results.study.run_folder(name) / f"fold_{fold}" / "history.json"
        path.parent.mkdir(parents=True)
        told: list[dict[str, Any]] = []
        for epoch, loss in enumerate(trained):
            valid = None if chosen is None else {"averaged": chosen[epoch] + fold}
            told.append({"epoch": epoch, "train": {"averaged": loss}, "valid": valid})
        path.write_text(json.dumps(told))


def test_a_panel_shows_the_hi_of_every_grade_and_the_mean(results_of: MakeResults) -> None:
    kept = ["resnet_js", "timesformer_mse"]
    whole = results_of("backbone_loss")
    left_out = [name for name in whole.study.experiments if name not in kept]
    predicted = {"resnet_js": whole.truth.labels}
    results = results_of("backbone_loss", leave_out=left_out, predicted=predicted)
    figure = draw_hi(results, grid_of(results.study))
    assert "the mean over clips: ResNet, JS 100.0; TimeSformer, MSE" in figure.says
    titles = re.findall(r">([^<>]+, (?:EMD|MSE|JS|CE))<", figure.svg_file)
    assert sorted(titles) == ["ResNet, JS", "TimeSformer, MSE"]
    assert ">0.2<" not in figure.svg_file  # an axis without anything on it


def test_without_any_experiment_there_are_the_tables_of_zero_r(results_of: MakeResults) -> None:
    whole = results_of("backbone_loss").study.experiments
    output = tabulate(results_of("backbone_loss", leave_out=list(whole)))
    names = [table.name for table in output.tables]
    assert names[::3] == ["table_1", "table_4", "table_5"]
    assert names[1:3] == ["table_1_clips", "table_1_patients"]
    assert list(output.tables[0].cells["row"].unique()) == ["ZeroR", "Experts"]
    assert output.figures == ()
