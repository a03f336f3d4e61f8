"""An ONNX graph in the making: operations on names, constants stored once, inputs and outputs in order."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

OPSET, IR_VERSION = 17, 9
"""Of the files: what onnxruntime 1.14 and all later ones, sherpa-onnx among them, read."""
TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}

Axes = Sequence[int | str]
"""The shape of an input or output; a string is an axis whose size is known at run time."""


class Graph:
    """Collects operations; each hands back the name of its result, which others take as input."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self._constants: dict[bytes, tuple[str, Any]] = {}
        self._count = 0

    def input(self, name: str, axes: Axes, dtype: Any = np.float32) -> str:
        """A named input."""
        self.inputs.append(helper.make_tensor_value_info(name, TYPES[np.dtype(dtype)], list(axes)))
        return name

    def output(self, name: str, value: str, axes: Axes, dtype: Any = np.float32) -> None:
        """Names a result as an output."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, TYPES[np.dtype(dtype)], list(axes)))

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """A number, list, array or tensor that the file stores."""
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        array = np.array(array, dtype=dtype, order="C")  # and not `ascontiguousarray`, which has no scalars
        key = repr((array.dtype.str, array.shape)).encode() + array.tobytes()
        if key not in self._constants:
            name = f"c{len(self._constants)}"
            self._constants[key] = (name, numpy_helper.from_array(array, name))
        return self._constants[key][0]

    def ints(self, *values: int) -> str:
        """A list of whole numbers, such as axes or a shape."""
        return self.constant(list(values), np.int64)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """The result of an operation that has one."""
        return self.several(kind, 1, *inputs, **attributes)[0]

    def several(self, kind: str, count: int, *inputs: str, **attributes: Any) -> tuple[str, ...]:
        """The first `count` results of an operation."""
        names = tuple(f"v{self._count + index}" for index in range(count))
        self._count += count
        self.nodes.append(helper.make_node(kind, list(inputs), list(names), **attributes))
        return names

    # ----------------------------------------------------------------------------------------- often used together

    def linear(self, value: str, weight: Tensor, bias: Tensor | None) -> str:
        """x W' + b along the last axis."""
        product = self.op("MatMul", value, self.constant(weight.t()))
        return product if bias is None else self.op("Add", product, self.constant(bias))

    def slice(self, value: str, axis: int, begin: str, end: str) -> str:
        """The positions [begin, end) along an axis; both are lists of one number."""
        return self.op("Slice", value, begin, end, self.ints(axis))

    def size(self, value: str, axis: int) -> str:
        """The size of an axis, as a list of one number."""
        return self.op("Gather", self.op("Shape", value), self.ints(axis), axis=0)

    def before(self, size: str, first: str | None, lengths: str) -> str:
        """(N, size): whether the position `first + i` of each item lies before its length; both have shape (N,)."""
        one = self.constant(1, np.int64)
        position = self.op("Range", self.constant(0, np.int64), self.op("Squeeze", size), one)
        position = self.op("Unsqueeze", position, self.ints(0))
        if first is not None:
            position = self.op("Add", position, self.op("Unsqueeze", first, self.ints(1)))
        return self.op("Less", position, self.op("Unsqueeze", lengths, self.ints(1)))

    def kept(self, value: str, real: str, *axes: int) -> str:
        """The value where `real` (N, T), given further axes, holds, and zero elsewhere."""
        where = self.op("Unsqueeze", real, self.ints(*axes)) if axes else real
        return self.op("Where", where, value, self.constant(0.0))

    # ----------------------------------------------------------------------------------------- the file

    def model(self, metadata: Mapping[str, str]) -> Any:
        """The checked ONNX model; `metadata` goes into its properties."""
        constants = [tensor for _, tensor in self._constants.values()]
        graph = helper.make_graph(self.nodes, "crnn_audio", self.inputs, self.outputs, constants)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="crnn_audio")
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        return model
