import dataclasses

import numpy as np
import pytest
import torch

from rostfine.errors import InputError, RostfineError
from rostfine.evaluation.predict import predict
from rostfine.export import export_model, load_exported, write
from rostfine.export.settings import GRAPH, WEIGHTS, read_report
from rostfine.files import sha256_of
from rostfine.model_params import TimeSformerParams
from rostfine.models import build_model
from rostfine.variants import PUBLISHED


@pytest.mark.parametrize(("precision", "limit"), [("fp32", 1e-5), ("int8", 0.01)])
def test_an_exported_model_predicts_what_the_original_does(
    exported, model, clips, input, precision, limit
):
    folder, report = exported(precision)
    found = load_exported(folder)(clips)
    wanted = predict(model, clips, input)
    assert np.ptp(wanted, axis=0).max() > 0.01  # else any constant would pass
    difference = np.abs(found - wanted).max()
    assert difference < limit
    if precision == "int8":
        assert report.largest_difference == pytest.approx(difference, abs=1e-6)
        assert difference > 1e-5  # else it is float32 after all


def test_the_report_tells_what_was_done_and_of_which_files(exported, input):
    folder, report = exported("int8")
    assert sorted(path.name for path in folder.iterdir()) == ["export.json", WEIGHTS, GRAPH]
    assert read_report(folder) == report
    assert report.input == input
    assert (report.clips_calibrated, report.clips_compared) == (6, 8)
    assert report.sha256_weights == sha256_of(folder / WEIGHTS)


def test_8_bit_weights_take_a_quarter_of_the_space(exported):
    sizes = [(exported(name)[0] / WEIGHTS).stat().st_size for name in ("fp32", "int8")]
    assert sizes[1] < 0.4 * sizes[0]  # embeddings and norms stay as they are


def test_a_model_that_lost_parity_is_refused_and_nothing_is_left(tmp_path, model, input):
    with pytest.raises(RostfineError, match=r"within 0 of the original's, got [1-9.]+e-\d+$"):
        export_model(model, input, tmp_path / "out", calibration=None, largest_difference=0.0)
    assert list(tmp_path.iterdir()) == []


def test_predictions_that_are_no_numbers_are_refused(tmp_path, model, input, monkeypatch):
    monkeypatch.setattr(write, "_compare", lambda *_: (float("nan"), None))
    with pytest.raises(RostfineError, match="got nan"):
        export_model(model, input, tmp_path / "out", calibration=None)


def test_what_already_lies_in_the_folder_stays(tmp_path, model, input):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="wanted a new or an empty folder"):
        export_model(model, input, tmp_path, calibration=None)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_model_that_selects_nothing_and_takes_speeds_is_exported(tmp_path, input):
    asking = dataclasses.replace(input, speed="speed_um_s")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(TimeSformerParams("timesformer", "tiny", 0.0, None), asking).eval()
    report = export_model(model, asking, tmp_path / "out", calibration=None)
    assert report.same_patches is None
    loaded = load_exported(tmp_path / "out")
    clips = torch.zeros(2, 4, 32, 32, 3, dtype=torch.uint8)
    speeds = torch.tensor([0.0, 400.0])
    found = loaded(clips, speeds=speeds)
    np.testing.assert_allclose(
        found, predict(model, clips, asking, speeds=speeds), rtol=0, atol=1e-5
    )
    assert np.abs(found[0] - found[1]).max() > 0.01
    with pytest.raises(InputError, match="also takes the speed_um_s"):
        loaded(clips)


def test_the_published_variant_is_exported_too(tmp_path, input, params):
    changed = dataclasses.replace(
        params, drop_path=0.0, attention_layers=None, aggregation="concat"
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(changed, input, PUBLISHED).eval()
    report = export_model(model, input, tmp_path / "published", calibration=None)
    assert report.largest_difference < 1e-4
    assert report.same_patches == 1
