"""8-bit linear layers as convolutions of size 1, for CPUs without VNNI.

OpenVINO multiplies 8-bit matrices there with SSE4 code, half as wide as the CPU is; its 8-bit
convolutions use AVX2. A linear layer is a convolution of size 1 over tokens, with the features as
channels, and channels lie last in memory for both: nothing has to be moved.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from rostfine.export.toolkit import import_openvino


def use_convolutions(graph: Any) -> int:
    """Replace the 8-bit linear layers of a graph; return how many there were."""
    replaced = 0
    rewriter = _Rewriter()
    for node in graph.get_ordered_ops():
        if node.get_type_name() == "MatMul" and rewriter.replace(node):
            replaced += 1
    graph.validate_nodes_and_infer_types()
    return replaced


class _Rewriter:
    """Replaces one linear layer after the other, and remembers what already is channels first."""

    def __init__(self) -> None:
        import_openvino()
        from openvino import opset13

        self.op = opset13
        self.channels_first: dict[str, Any] = {}

    def replace(self, node: Any) -> bool:
        """Replace `node`, and what follows it value by value, if it is an 8-bit linear layer."""
        weights = self._weights(node.input_value(1).get_node())
        if weights is None or not node.get_attributes()["transpose_b"]:
            return False
        out = self.op.convolution(
            self._take(node.input_value(0)), weights, [1, 1], [0, 0], [0, 0], [1, 1]
        )
        last = node
        while (step := self._next(last)) is not None:
            last, follow = step
            out = follow(out)
        self._put(out, last)
        return True

    def _weights(self, node: Any) -> Any:
        """Return integer weights times their scales, with two more axes, or None."""
        if node.get_type_name() != "Multiply":
            return None
        convert, scale = (node.input_value(i).get_node() for i in (0, 1))
        if convert.get_type_name() != "Convert" or scale.get_type_name() != "Constant":
            return None
        whole = convert.input_value(0).get_node()
        if whole.get_type_name() != "Constant" or whole.get_element_type().get_size() != 1:
            return None
        values = self.op.constant(whole.data[:, :, None, None], dtype=whole.get_element_type())
        scales = np.broadcast_to(scale.data.reshape(-1, 1, 1, 1), (len(whole.data), 1, 1, 1))
        return self.op.multiply(
            self.op.convert(values, "f32"), self.op.constant(np.ascontiguousarray(scales))
        )

    def _take(self, value: Any) -> Any:
        """Turn tokens (..., dim) into an image (1, dim, 1, token)."""
        known = self.channels_first.get(value.get_node().get_friendly_name())
        if known is not None:
            return known
        dim = value.get_partial_shape()[-1].get_length()
        image = self.op.reshape(value, _whole(1, 1, -1, dim), special_zero=False)
        return self.op.transpose(image, _whole(0, 3, 1, 2))

    def _put(self, image: Any, last: Any) -> None:
        """Turn an image back into tokens, in the place of `last`."""
        tokens = self.op.transpose(image, _whole(0, 2, 3, 1))
        # At most one axis is of any length: the one that the clips of a batch are part of.
        axes = last.get_output_partial_shape(0)
        shape = [axis.get_length() if axis.is_static else -1 for axis in axes]
        tokens = self.op.reshape(tokens, _whole(*shape), special_zero=False)
        for target in list(last.output(0).get_target_inputs()):
            target.replace_source_output(tokens.output(0))
        self.channels_first[tokens.get_friendly_name()] = image

    def _next(self, node: Any) -> tuple[Any, Callable[[Any], Any]] | None:
        """Return the only consumer of `node` and how to apply it to an image, if that is easy."""
        targets = list(node.output(0).get_target_inputs())
        if len(targets) != 1 or targets[0].get_index() != 0:
            return None
        follower = targets[0].get_node()
        constants = [
            _for_image(
                follower.input_value(i).get_node(),
                node.get_output_partial_shape(0)[-1].get_length(),
            )
            for i in range(1, follower.get_input_size())
        ]
        apply = self._APPLY.get(follower.get_type_name())
        if apply is None or any(constant is None for constant in constants):
            return None
        return follower, lambda image: apply(self.op, follower, image, constants)

    _APPLY = {
        "Add": lambda op, node, image, others: op.add(image, *others),
        "Multiply": lambda op, node, image, others: op.multiply(image, *others),
        "Gelu": lambda op, node, image, others: op.gelu(
            image, node.get_attributes()["approximation_mode"]
        ),
        "FakeQuantize": lambda op, node, image, others: op.fake_quantize(
            image, *others, node.get_attributes()["levels"]
        ),
    }


def _for_image(node: Any, dim: int) -> ndarray | None:
    """Return a constant of one value, or of one per feature, as it stands against an image."""
    if node.get_type_name() != "Constant" or node.data.size not in (1, dim):
        return None
    if node.data.size == dim and node.data.shape[-1] != dim:
        return None
    return np.ascontiguousarray(node.data.astype(np.float32).reshape(1, -1, 1, 1))


def _whole(*numbers: int) -> ndarray:
    return np.array(numbers, np.int64)
