import numpy as np
import pytest

from rostfine.export import exported as exported_module
from rostfine.export import load_exported
from rostfine.export.convolutions import use_convolutions
from rostfine.export.settings import GRAPH
from rostfine.export.toolkit import import_openvino


def of_weights(graph) -> list[str]:
    """The matrix products of a graph whose second factor is scaled integers."""
    products = [node for node in graph.get_ops() if node.get_type_name() == "MatMul"]
    factors = [node.input_value(1).get_node().get_type_name() for node in products]
    return [kind for kind in factors if kind == "Multiply"]


@pytest.mark.parametrize("clips_at_once", [1, -1])
def test_every_8_bit_linear_layer_becomes_a_convolution(exported, clips_at_once):
    graph = import_openvino().Core().read_model(exported("int8")[0] / GRAPH)
    graph.reshape([clips_at_once, 3, 4, 32, 32])
    layers = len(of_weights(graph))
    assert layers > 3 * 6
    assert use_convolutions(graph) == layers
    assert of_weights(graph) == []


def test_layers_in_float32_stay_as_they_are(exported):
    graph = import_openvino().Core().read_model(exported("fp32")[0] / GRAPH)
    assert use_convolutions(graph) == 0


def test_convolutions_predict_what_matrix_products_do(exported, clips, monkeypatch):
    found = []
    for kinds in ((), ("DEFAULT", "AVX2", "AVX512")):
        monkeypatch.setattr(exported_module, "WITHOUT_VNNI", kinds)
        found.append(load_exported(exported("int8")[0]).predict(clips))
    # Not to the bit: 8-bit activations round one way or the other.
    np.testing.assert_allclose(found[0].distribution, found[1].distribution, rtol=0, atol=3e-3)
