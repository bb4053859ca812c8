import json

import numpy as np
import pytest
import torch

from rostfine.errors import ClipError, InputError
from rostfine.export import load_exported
from rostfine.export.exported import feed
from rostfine.export.graph import CLIP
from rostfine.export.settings import GRAPH, REPORT, WEIGHTS
from rostfine.export.toolkit import import_openvino


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_graph_takes_any_number_of_clips_at_once(exported, clips, input, count):
    folder, _ = exported("fp32")
    together = import_openvino().Core().compile_model(folder / GRAPH, "CPU")
    found = together(feed(clips[:count], input))
    alone = load_exported(folder).predict(clips[:count])
    np.testing.assert_allclose(found["distribution"], alone.distribution, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(found["selected"], alone.selected)


def test_the_graph_also_gives_the_patches_that_the_model_selects(exported, model, clips, input):
    folder, report = exported("fp32")
    with torch.inference_mode():
        wanted = model(torch.from_numpy(feed(clips, input)[CLIP])).selected
    np.testing.assert_array_equal(load_exported(folder).predict(clips).selected, wanted)
    assert report.same_patches == 1.0


def test_a_prediction_is_not_overwritten_by_the_next(exported, clips):
    loaded = load_exported(exported("fp32")[0], threads=1)
    first = loaded(clips[:1])
    kept = first.copy()
    loaded(clips[1:2])
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("shape", [(0, 4, 32, 32, 3), (1, 4, 32, 40, 3)])
def test_clips_that_do_not_fit_are_refused_in_one_line(exported, shape):
    with pytest.raises(ClipError, match="wanted some, of square frames, got"):
        load_exported(exported("fp32")[0])(torch.zeros(shape, dtype=torch.uint8))


@pytest.fixture
def copy(exported, tmp_path):
    """A copy of an exported model, to spoil."""
    for path in exported("fp32")[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.parametrize("name", [GRAPH, WEIGHTS])
def test_a_changed_file_is_refused_by_name(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[-2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: wanted SHA-256"):
        load_exported(copy)


@pytest.mark.parametrize("name", [GRAPH, WEIGHTS, REPORT])
def test_a_missing_file_is_refused(copy, name):
    (copy / name).unlink()
    with pytest.raises(InputError, match=f"not an exported model.*{name}"):
        load_exported(copy)


def test_a_report_of_another_kind_is_refused(copy):
    (copy / REPORT).write_text(json.dumps({"precision": "int4"}))
    with pytest.raises(InputError, match="export.json: missing key input"):
        load_exported(copy)
