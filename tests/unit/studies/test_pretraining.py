from dataclasses import replace

import pytest

from rostfine.metrics import METRICS
from rostfine.studies.pretraining import source_of, tabulate


@pytest.mark.parametrize(
    ("file", "source"),
    [
        (None, "none"),
        ("data/weights/TimeSformer_divST_8x32_224_K400.pyth", "Kinetics-400"),
        ("data/weights/of_my_lab.safetensors", "of_my_lab"),
        ("timm:vit_base_patch16_224.augreg", "timm:vit_base_patch16_224.augreg"),
    ],
)
def test_a_source_is_known_by_the_published_file_or_named_by_its_own(file, source):
    assert source_of(file) == source


def test_sources_are_rows_models_are_columns_and_only_sources_of_one_model_are_compared(
    results_of, cell_of
):
    study = results_of("pretraining").study
    one = study.experiments["rostfine_none"]
    mine = replace(one, model=replace(one.model, pretrained="data/weights/mine.pyth"))
    left_out = ("timesformer_howto100m", "rostfine_howto100m", "rostfine_k400", "rostfine_ssv2")
    results = results_of("pretraining", leave_out=left_out, add={"mine": mine, "twin": one})
    output = tabulate(results)
    table, clips, patients, *pairs = output.tables
    assert (clips.name, patients.name) == ("mse_clips", "mse_patients")
    assert "TimeSformer, SSv2" in set(clips.cells["row"])
    heading, *rows = table.texts()
    assert [text.split(", MSE")[0] for text in heading[1:]] == [
        "TimeSformer",
        "RoSTFine",
        "RoSTFine (twin)",
    ]
    assert [row[0] for row in rows] == ["none", "Kinetics-400", "SSv2", "mine"]
    assert [bool(text) for text in rows[1][1:]] == [True, False, False]
    of_clips = METRICS["mse"](results.predictions["timesformer_ssv2"], results.truth.labels)
    found = cell_of(table, "SSv2", "TimeSformer, MSE")
    assert found["mean"] == pytest.approx(100 * of_clips.mean())
    assert [(one.name, len(one.cells["row"].unique())) for one in pairs] == [
        ("pairs_timesformer", 3),
        ("pairs_rostfine", 1),
    ]
    (figure,) = output.figures
    for label in ("none", "Kinetics-400", "SSv2", "mine", "TimeSformer", "RoSTFine"):
        assert f">{label}<" in figure.svg_file
    assert f"TimeSformer from SSv2 {found['mean']:.3f}" in figure.says
