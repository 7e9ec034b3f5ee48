"""A frozen TensorFlow.js graph, run in torch: what the few networks that come in this form need of it, and no more.

Pictures are [n h w c] where the graph says NHWC, as all of them do. No code comes with a graph: a node is the name of
an operation below, its inputs and plain attributes; what isn't in `OPERATIONS` is refused when the graph is read.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

NHWC = "NHWC"


@dataclass(frozen=True)
class Node:
    """One step of a graph."""

    name: str
    operation: str
    inputs: tuple[str, ...]  # names of nodes; "name:1" is the second result of one
    attributes: Mapping[str, Any]  # by TensorFlow's names, as JSON has them

    def text(self, name: str, default: str = "") -> str:
        """An attribute that is a string; JSON has it in base 64."""
        return _text(self.attributes[name]["s"]) if name in self.attributes else default

    def pair(self, name: str) -> tuple[int, int]:
        """Of an attribute with a number for each axis [n h w c], those of height and width; 1 where it isn't given."""
        numbers = [int(one) for one in self.attributes.get(name, {}).get("list", {}).get("i", ())]
        return (numbers[1], numbers[2]) if numbers else (1, 1)

    def flag(self, name: str) -> bool:
        """An attribute that is true or false."""
        return bool(self.attributes.get(name, {}).get("b", False))


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode()


def read_nodes(model: Path) -> tuple[Node, ...]:
    """The nodes of a graph model's `.json`. Raises ValueError for a file that is none, or has unknown operations."""
    try:
        listed = json.loads(model.read_bytes())["modelTopology"]["node"]
        nodes = tuple(Node(one["name"], one["op"], tuple(one.get("input", ())), one.get("attr", {})) for one in listed)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{model} is no TensorFlow.js graph model: {error!r}") from error
    unknown = {node.operation for node in nodes} - OPERATIONS.keys() - {"Const", "Placeholder"}
    if unknown:
        raise ValueError(f"{model} has operations that aren't known here: {', '.join(sorted(unknown))}")
    return nodes


class FrozenGraph(nn.Module):
    """A graph with one input, and the nodes of it that are asked for."""

    def __init__(self, nodes: Sequence[Node], arrays: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> None:
        """`arrays` by the names of constant nodes. Raises ValueError where one is missing, or an output is unknown."""
        super().__init__()
        self._outputs = tuple(outputs)
        named = {node.name: node for node in nodes}
        self._steps: list[Node] = []
        self._constants: dict[str, str] = {}  # names of buffers, which have no slashes or dots
        self._input = ""
        for node in _in_order(named, outputs):
            if node.operation == "Const":
                if node.name not in arrays:
                    raise ValueError(f"the graph's constant {node.name} has no array")
                self._constants[node.name] = f"constant_{len(self._constants)}"
                array = arrays[node.name]
                whole = np.issubdtype(array.dtype, np.integer)
                tensor = torch.from_numpy(np.ascontiguousarray(array, np.int64 if whole else np.float32))
                self.register_buffer(self._constants[node.name], tensor)
            elif node.operation == "Placeholder":
                self._input = node.name
            else:
                self._steps.append(node)

    def forward(self, x: Tensor) -> list[Tensor]:
        """What the outputs are for the input `x` of the shape that the graph wants."""
        known: dict[str, Any] = {self._input: x}
        known |= {name: getattr(self, buffer) for name, buffer in self._constants.items()}
        for node in self._steps:
            known[node.name] = OPERATIONS[node.operation](node, [_result(known, name) for name in node.inputs])
        return [_result(known, name) for name in self._outputs]


def _result(known: Mapping[str, Any], name: str) -> Tensor:
    """One tensor of what a node gave: `name` or `name:number`."""
    node, _, number = name.partition(":")
    made = known[node]
    result: Tensor = made[int(number or 0)] if isinstance(made, tuple) else made
    return result


def _in_order(named: Mapping[str, Node], outputs: Sequence[str]) -> list[Node]:
    """The nodes that outputs need, each after its inputs. Raises ValueError for a name that isn't there."""
    order: list[Node] = []
    done: set[str] = set()
    waiting = [(name.partition(":")[0], False) for name in reversed(outputs)]
    while waiting:
        name, ready = waiting.pop()
        if name in done:
            continue
        if name not in named:
            raise ValueError(f"the graph has no node {name}")
        if ready:
            done.add(name)
            order.append(named[name])
        else:
            waiting.append((name, True))
            waiting += [(other.partition(":")[0], False) for other in named[name].inputs]
    return order


def _same(x: Tensor, kernel: Sequence[int], stride: Sequence[int], value: float = 0.0) -> Tensor:
    """[n c h w] padded so that a window gives ceil(size / stride): the odd pixel goes to the right and bottom."""
    pads: list[int] = []
    for size, wide, step in zip(x.shape[:1:-1], reversed(kernel), reversed(stride), strict=True):  # last axis first
        total = max((-(-size // step) - 1) * step + wide - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value) if any(pads) else x


def _channels_first(node: Node, x: Tensor) -> Tensor:
    """[n h w c] -> [n c h w], in the same memory."""
    if node.text("data_format", NHWC) != NHWC:
        raise ValueError(f"{node.name}: pictures laid out as {node.text('data_format')} aren't known here")
    return x.permute(0, 3, 1, 2)


def _convolution(node: Node, inputs: list[Tensor]) -> Tensor:
    """[n h w c] by a kernel [h w c d]."""
    x, kernel = _channels_first(node, inputs[0]), inputs[1]
    stride, dilation = node.pair("strides"), node.pair("dilations")
    if node.text("padding") == "SAME":
        x = _same(x, [(size - 1) * far + 1 for size, far in zip(kernel.shape[:2], dilation, strict=True)], stride)
    return F.conv2d(x, kernel.permute(3, 2, 0, 1), None, stride, 0, dilation).permute(0, 2, 3, 1)


def _max_pool(node: Node, inputs: list[Tensor]) -> Tensor:
    """[n h w c] -> the largest of each window."""
    size, stride = node.pair("ksize"), node.pair("strides")
    x = _channels_first(node, inputs[0])
    if node.text("padding") == "SAME":
        x = _same(x, size, stride, -torch.inf)
    return F.max_pool2d(x, size, stride).permute(0, 2, 3, 1)


def _pad(node: Node, inputs: list[Tensor]) -> Tensor:
    """By pairs [axes 2] of how much before and after; with 0 or the third input."""
    pads = [int(size) for pair in reversed(inputs[1].tolist()) for size in pair]
    return F.pad(inputs[0], pads, value=float(inputs[2]) if len(inputs) > 2 else 0.0)


def _resize(node: Node, inputs: list[Tensor]) -> Tensor:
    """[n h w c] to the size [2] of the second input, bilinear, pixels being squares and not points."""
    if not node.flag("half_pixel_centers"):
        raise ValueError(f"{node.name}: resizing between corners isn't known here")
    return F.interpolate(_channels_first(node, inputs[0]), size=inputs[1].tolist(), mode="bilinear").permute(0, 2, 3, 1)


def _sparse(node: Node, inputs: list[Tensor]) -> Tensor:
    """A vector of a length, all of one value but at some places: shapes are made so."""
    places, length, values, default = inputs
    dense = default.expand(int(length)).clone()
    dense[places.reshape(-1)] = values
    return dense


OPERATIONS: Mapping[str, Callable[[Node, list[Tensor]], Tensor | tuple[Tensor, ...]]] = {
    "Add": lambda node, x: x[0] + x[1],
    "AddV2": lambda node, x: x[0] + x[1],
    "ConcatV2": lambda node, x: torch.cat(x[:-1], int(x[-1])),
    "Conv2D": _convolution,
    "Identity": lambda node, x: x[0],
    "LeakyRelu": lambda node, x: F.leaky_relu(x[0], float(node.attributes["alpha"]["f"])),
    "MaxPool": _max_pool,
    "Pad": _pad,
    "PadV2": _pad,
    "Reshape": lambda node, x: x[0].reshape(x[1].tolist()),
    "ResizeBilinear": _resize,
    "Sigmoid": lambda node, x: x[0].sigmoid(),
    "SparseToDense": _sparse,
    "SplitV": lambda node, x: torch.split(x[0], x[1].tolist(), int(x[2])),
    "Transpose": lambda node, x: x[0].permute(x[1].tolist()),
}
