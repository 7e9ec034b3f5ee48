"""The reader of TensorFlow 1 checkpoint bundles against an obvious writer, and the pickled numpy dictionary."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.weights.convert import _proto_fields, _varint, convert


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """A LevelDB block with shared key prefixes and one restart point."""
    out, last = b"", b""
    for key, value in entries:
        shared = next((i for i, (a, b) in enumerate(zip(key, last, strict=False)) if a != b), min(len(key), len(last)))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return out + struct.pack("<II", 0, 1)


def write_bundle(folder: Path, arrays: dict[str, np.ndarray]) -> tuple[Path, Path]:
    data, entries = b"", [(b"", field(1, 1))]
    for name, array in sorted(arrays.items()):
        shape = b"".join(field(2, field(1, size) if size else b"") for size in array.shape)
        kind = {"float32": 1, "int64": 9}[array.dtype.name]
        record = field(1, kind) + field(2, shape) + (field(4, len(data)) if data else b"") + field(5, array.nbytes)
        entries.append((name.encode(), record + varint(6 << 3 | 5) + b"\0\0\0\0"))
        data += array.tobytes()
    first = block(entries) + b"\0" + b"\0\0\0\0"  # type 0: not compressed; then a checksum
    second = block([(b"zz", varint(0) + varint(len(first) - 5))])
    table = first + second + b"\0" + b"\0\0\0\0"
    footer = varint(0) + varint(0) + varint(len(first)) + varint(len(second))
    table += footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    (folder / "data").write_bytes(data)
    (folder / "index").write_bytes(table)
    return folder / "data", folder / "index"


def test_bundle_round_trip(tmp_path: Path) -> None:
    arrays = {
        "dense/kernel": np.arange(600, dtype=np.float32).reshape(20, 30),
        "dense/kernel_1": np.float32([1.5, -2.0]),
        "step": np.array(7, np.int64),
    }
    read = convert("tf1-bundle", write_bundle(tmp_path, arrays))
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype
        assert np.array_equal(read[name], array.reshape(read[name].shape))
    assert read["dense/kernel"].shape == (20, 30)


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_bundle_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    data, index = write_bundle(tmp_path, {"a": np.zeros(9, np.float32)})
    index.write_bytes(index.read_bytes()[:cut])
    with pytest.raises(ValueError, match="checkpoint index"):
        convert("tf1-bundle", [data, index])


def test_bundle_with_short_data_is_refused(tmp_path: Path) -> None:
    data, index = write_bundle(tmp_path, {"a": np.zeros(9, np.float32)})
    data.write_bytes(b"1234")
    with pytest.raises(ValueError, match="shorter"):
        convert("tf1-bundle", [data, index])


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_varint(value: int) -> None:
    assert _varint(varint(value), 0) == (value, len(varint(value)))
    assert list(_proto_fields(field(3, value))) == [(3, value)]


def test_pickled_numpy_dictionary(tmp_path: Path) -> None:
    tree = {"conv1": {"weights": np.ones((2, 3), np.float32), "beta": np.zeros(3, np.float32)}, "gain": np.float32([4])}
    np.save(tmp_path / "net.npy", np.array(tree, dtype=object), allow_pickle=True)
    read = convert("numpy-pickle", [tmp_path / "net.npy"])
    assert {name: array.shape for name, array in read.items()} == {
        "conv1.weights": (2, 3),
        "conv1.beta": (3,),
        "gain": (1,),
    }


def test_plain_array_and_unknown_recipe_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "plain.npy", np.zeros(3))
    with pytest.raises(ValueError, match="no dictionary"):
        convert("numpy-pickle", [tmp_path / "plain.npy"])
    with pytest.raises(ValueError, match="known are"):
        convert("onnx", [tmp_path / "plain.npy"])
