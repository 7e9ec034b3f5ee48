"""Each operation against a slow numpy oracle, in small graphs written as TensorFlow.js writes them."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from storysound.nn.frozen_graph import FrozenGraph, read_nodes
from storysound.weights.convert import convert

RNG = np.random.default_rng(7)


def text(value: str) -> dict[str, str]:
    return {"s": base64.b64encode(value.encode()).decode()}


def numbers(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(value) for value in values]}}


def run(folder: Path, node: dict[str, Any], constants: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """What a graph of one operation makes of `x`, by way of its two files."""
    nodes = [{"name": "x", "op": "Placeholder"}, *({"name": name, "op": "Const"} for name in constants), node]
    specs = [{"name": name, "shape": list(array.shape), "dtype": str(array.dtype)} for name, array in constants.items()]
    model, data = folder / "m.json", folder / "m.bin"
    model.write_text(json.dumps({"modelTopology": {"node": nodes}, "weightsManifest": [{"weights": specs}]}))
    data.write_bytes(b"".join(array.tobytes() for array in constants.values()))
    graph = FrozenGraph(read_nodes(model), convert("tfjs", [data, model]), [node["name"]])
    with torch.inference_mode():
        result: np.ndarray = graph(torch.from_numpy(x))[0].numpy()
    return result


def padded(size: int, kernel: int, stride: int, same: bool) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0) if same else 0
    return total // 2, total - total // 2


def slow_convolution(x: np.ndarray, k: np.ndarray, stride: int, far: int, same: bool) -> np.ndarray:
    high, wide = ((size - 1) * far + 1 for size in k.shape[:2])
    x = np.pad(x, [(0, 0), padded(x.shape[1], high, stride, same), padded(x.shape[2], wide, stride, same), (0, 0)])
    rows, columns = (x.shape[1] - high) // stride + 1, (x.shape[2] - wide) // stride + 1
    out = np.zeros((len(x), rows, columns, k.shape[3]))
    for r in range(rows):
        for c in range(columns):
            part = x[:, r * stride : r * stride + high : far, c * stride : c * stride + wide : far]
            out[:, r, c] = np.einsum("nhwc,hwcd->nd", part, k)
    return out


@pytest.mark.parametrize(
    ("padding", "stride", "far"), [("SAME", 1, 1), ("SAME", 2, 1), ("VALID", 2, 1), ("SAME", 1, 2)]
)
def test_convolutions(tmp_path: Path, padding: str, stride: int, far: int) -> None:
    x = RNG.normal(size=(2, 7, 6, 3)).astype(np.float32)
    kernel = RNG.normal(size=(3, 2, 3, 2)).astype(np.float32)
    node = {
        "name": "y",
        "op": "Conv2D",
        "input": ["x", "k"],
        "attr": {
            "strides": numbers(1, stride, stride, 1),
            "dilations": numbers(1, far, far, 1),
            "padding": text(padding),
            "data_format": text("NHWC"),
        },
    }
    wanted = slow_convolution(x, kernel, stride, far, padding == "SAME")
    np.testing.assert_allclose(run(tmp_path, node, {"k": kernel}, x), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_the_largest_of_each_window_is_never_padding(tmp_path: Path, padding: str) -> None:
    x = -1 - RNG.random((1, 5, 5, 2)).astype(np.float32)
    attributes = {"ksize": numbers(1, 3, 3, 1), "strides": numbers(1, 2, 2, 1), "padding": text(padding)}
    got = run(tmp_path, {"name": "y", "op": "MaxPool", "input": ["x"], "attr": attributes}, {}, x)
    low, high = padded(5, 3, 2, padding == "SAME")
    wide = np.pad(x, [(0, 0), (low, high), (low, high), (0, 0)], constant_values=-np.inf)
    for r in range(got.shape[1]):
        for c in range(got.shape[2]):
            np.testing.assert_array_equal(got[0, r, c], wide[0, 2 * r : 2 * r + 3, 2 * c : 2 * c + 3].max(axis=(0, 1)))


@pytest.mark.parametrize(
    ("operation", "constants", "attributes", "oracle"),
    [
        ("AddV2", [np.array([1, 2], np.float32)], {}, lambda x: np.add(x, [1, 2])),
        ("LeakyRelu", [], {"alpha": {"f": 0.1}}, lambda x: np.where(x > 0, x, 0.1 * x)),
        ("Sigmoid", [], {}, lambda x: 1 / (1 + np.exp(-x))),
        ("Identity", [], {}, lambda x: x),
        ("Transpose", [np.array([0, 3, 1, 2], np.int32)], {}, lambda x: x.transpose(0, 3, 1, 2)),
        ("Reshape", [np.array([2, -1], np.int32)], {}, lambda x: x.reshape(2, -1)),
        ("ConcatV2", [np.ones((2, 4, 3, 1), np.float32), np.array(3, np.int32)], {},
         lambda x: np.concatenate([x, np.ones((2, 4, 3, 1))], axis=3)),
        ("Pad", [np.array([[0, 0], [1, 2], [0, 0], [0, 1]], np.int32)], {},
         lambda x: np.pad(x, [(0, 0), (1, 2), (0, 0), (0, 1)])),
        ("PadV2", [np.array([[0, 0], [1, 0], [0, 0], [0, 0]], np.int32), np.array(-5, np.float32)], {},
         lambda x: np.pad(x, [(0, 0), (1, 0), (0, 0), (0, 0)], constant_values=-5)),
    ],
)  # fmt: skip
def test_plain_operations(
    tmp_path: Path, operation: str, constants: list[np.ndarray], attributes: dict[str, Any], oracle: Any
) -> None:
    x = RNG.normal(size=(2, 4, 3, 2)).astype(np.float32)
    named = {f"c{i}": array for i, array in enumerate(constants)}
    node = {"name": "y", "op": operation, "input": ["x", *named], "attr": attributes}
    np.testing.assert_allclose(run(tmp_path, node, named, x), oracle(x), rtol=1e-5, atol=1e-6)


def test_a_picture_twice_as_large_is_mixed_by_quarters(tmp_path: Path) -> None:
    x = np.array([0, 4], np.float32).reshape(1, 1, 2, 1)
    attributes = {"half_pixel_centers": {"b": True}}
    node = {"name": "y", "op": "ResizeBilinear", "input": ["x", "size"], "attr": attributes}
    got = run(tmp_path, node, {"size": np.array([1, 4], np.int32)}, x)
    assert got.reshape(-1).tolist() == [0, 1, 3, 4]


def test_results_are_asked_for_by_number_and_shapes_may_be_made(tmp_path: Path) -> None:
    constants = {
        "sizes": np.array([1, 2], np.int32), "axis": np.array(-1, np.int32), "places": np.array([[1]], np.int32),
        "length": np.array([2], np.int32), "values": np.array([2], np.int32), "rest": np.array(3, np.int32),
    }  # fmt: skip
    nodes = [
        {"name": "x", "op": "Placeholder"},
        *({"name": name, "op": "Const"} for name in constants),
        {"name": "parts", "op": "SplitV", "input": ["x", "sizes", "axis"]},
        {"name": "shape", "op": "SparseToDense", "input": ["places", "length", "values", "rest"]},
        {"name": "y", "op": "Reshape", "input": ["parts:1", "shape"]},
    ]
    model = tmp_path / "m.json"
    model.write_text(json.dumps({"modelTopology": {"node": nodes}}))
    graph = FrozenGraph(read_nodes(model), constants, ["y", "parts"])
    y, first = graph(torch.arange(9.0).reshape(3, 3))
    assert y.tolist() == [[1, 2], [4, 5], [7, 8]]
    assert first.tolist() == [[0], [3], [6]]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("[", "no TensorFlow.js graph model"),
        ('{"modelTopology": {"keras": 1}}', "no TensorFlow.js graph model"),
        ('{"modelTopology": {"node": [{"name": "a", "op": "PyFunc"}]}}', "PyFunc"),
    ],
)
def test_files_that_are_no_graph_are_refused(tmp_path: Path, content: str, fault: str) -> None:
    (tmp_path / "m.json").write_text(content)
    with pytest.raises(ValueError, match=fault):
        read_nodes(tmp_path / "m.json")


def test_graphs_that_lack_something_are_refused(tmp_path: Path) -> None:
    nodes = [{"name": "c", "op": "Const"}, {"name": "y", "op": "Sigmoid", "input": ["c"]}]
    (tmp_path / "m.json").write_text(json.dumps({"modelTopology": {"node": nodes}}))
    read = read_nodes(tmp_path / "m.json")
    with pytest.raises(ValueError, match="constant c has no array"):
        FrozenGraph(read, {}, ["y"])
    with pytest.raises(ValueError, match="no node z"):
        FrozenGraph(read, {"c": np.zeros(1)}, ["z"])


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"name": "a", "shape": [3], "dtype": "float32"}, "no readable TensorFlow.js graph model"),
        ({"name": "a", "shape": [1], "dtype": "float32"}, "has 8 bytes"),
        ({"name": "a", "shape": [2], "dtype": "string"}, "isn't known"),
        ({"name": "a", "shape": [2], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 1, "min": 0}},
         "isn't known"),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit_their_list_are_refused(tmp_path: Path, spec: dict[str, Any], fault: str) -> None:
    model, data = tmp_path / "m.json", tmp_path / "m.bin"
    model.write_text(json.dumps({"weightsManifest": [{"weights": [spec]}]}))
    data.write_bytes(bytes(8))
    with pytest.raises(ValueError, match=fault):
        convert("tfjs", [data, model])


def test_half_floats_become_whole_ones(tmp_path: Path) -> None:
    spec = {"name": "a", "shape": [2], "dtype": "float32", "quantization": {"dtype": "float16"}}
    model, data = tmp_path / "m.json", tmp_path / "m.bin"
    model.write_text(json.dumps({"weightsManifest": [{"weights": [spec]}]}))
    data.write_bytes(np.array([1.5, -2], np.float16).tobytes())
    array = convert("tfjs", [data, model])["a"]
    assert (array.dtype, array.tolist()) == (np.float32, [1.5, -2])
