"""Turns the checkpoint formats of the catalogue into plain named arrays, running no code a file brings along.

Four formats: PyTorch pickles (weights-only loading), a pickled numpy dictionary (restricted unpickler), TensorFlow 1
checkpoint bundles (own reader of the LevelDB table and the BundleEntry records in it), and TensorFlow.js graph models.
"""

import json
import pickle
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def convert(recipe: str, files: Sequence[Path]) -> Arrays:
    """Reads `files` (the entry's own first, then the ones it needs) by the named recipe.

    Raises ValueError when a file isn't what the recipe expects, and for an unknown recipe.
    """
    if recipe not in RECIPES:
        raise ValueError(f"unknown conversion {recipe!r}, known are {', '.join(sorted(RECIPES))}")
    return {name: np.ascontiguousarray(array) for name, array in RECIPES[recipe](*files).items()}


def from_torch(path: Path) -> Arrays:
    """A state dict, or a pair (state dict, {head: (index, classes)}); each head becomes `heads.<head>` int64 [2].

    State dicts may lie in others; names are joined with dots.
    """
    import torch
    from numpy._core.multiarray import scalar

    # numpy scalars stand among the head sizes; each name here only builds a number, none of them runs anything
    allowed: list[Any] = [scalar, (scalar, "numpy.core.multiarray.scalar"), np.dtype, np.dtypes.Int64DType]
    try:
        with torch.serialization.safe_globals(allowed):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        wanted = re.search(r"Unsupported \w+: (?:GLOBAL )?(\S+)", str(error))
        fault = f"it wants {wanted[1]}, which is not on the allow-list" if wanted else "it can't be read"
        raise ValueError(f"{path} is no weights-only PyTorch checkpoint: {fault}") from error
    state, heads = loaded if isinstance(loaded, tuple) else (loaded, {})
    arrays: Arrays = {name: tensor.detach().numpy() for name, tensor in _flatten(state)}
    return arrays | {f"heads.{name}": np.asarray(pair, np.int64) for name, pair in heads.items()}


class _NumpyUnpickler(pickle.Unpickler):
    """Rebuilds numpy arrays and nothing else."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        # files of numpy 1 say numpy.core, of numpy 2 numpy._core
        if module_name in ("numpy.core.multiarray", "numpy._core.multiarray") and global_name == "_reconstruct":
            from numpy._core.multiarray import _reconstruct

            return _reconstruct
        if module_name == "numpy" and global_name in ("ndarray", "dtype"):
            return getattr(np, global_name)
        raise ValueError(f"the file wants {module_name}.{global_name}, which is not on the allow-list")


def from_numpy_pickle(path: Path) -> Arrays:
    """A `.npy` file that holds a dictionary of dictionaries of arrays; names are joined with dots."""
    with path.open("rb") as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{path} is not a version-1 .npy file")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if shape != () or not dtype.hasobject:
            raise ValueError(f"{path} holds no dictionary of arrays")
        try:
            outer = _NumpyUnpickler(file, encoding="latin1").load()
        except (pickle.UnpicklingError, EOFError) as error:
            raise ValueError(f"{path} is not a pickled numpy dictionary: {error}") from error
    leaves = _flatten(outer.item() if outer.shape == () else outer[0])
    return {name: np.asarray(value) for name, value in leaves}


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


# TensorFlow's DataType enum, the members a checkpoint of weights uses
_TF_DTYPES = {1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 9: np.int64, 10: np.bool_, 19: np.float16}
_TABLE_MAGIC = 0xDB4775248B80FB57  # LevelDB table format
_FOOTER_BYTES = 48


def from_tf1_bundle(data: Path, index: Path) -> Arrays:
    """A TensorFlow 1 checkpoint bundle of one shard: `.data-00000-of-00001` and `.index`."""
    table, shard = index.read_bytes(), data.read_bytes()
    arrays: Arrays = {}
    try:
        for key, record in _table_entries(table):
            if key:  # the empty key is the bundle's header
                arrays[key.decode()] = _bundle_tensor(record, shard)
    except (IndexError, KeyError) as error:
        raise ValueError(f"{index} is not a readable checkpoint index: {error!r}") from error
    return arrays


def _bundle_tensor(record: bytes, shard: bytes) -> NDArray[Any]:
    """BundleEntryProto: 1 dtype, 2 shape, 3 shard, 4 offset, 5 size in bytes."""
    fields = dict(_proto_fields(record))
    shape = [dict(_proto_fields(dim)).get(1, 0) for number, dim in _proto_fields(fields.get(2, b"")) if number == 2]
    offset, size = fields.get(4, 0), fields[5]
    if offset + size > len(shard):
        raise ValueError("the checkpoint's data file is shorter than its index says")
    return np.frombuffer(shard[offset : offset + size], np.dtype(_TF_DTYPES[fields[1]])).reshape(shape)


def _varint(buffer: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = buffer[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _proto_fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """(field number, value) of a protocol-buffer message: integers, or bytes for nested messages."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(message, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire} in a checkpoint index")
        yield number, message[at : at + size]
        at += size


def _table_entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a LevelDB table, read through its index block."""
    if len(table) < _FOOTER_BYTES or int.from_bytes(table[-8:], "little") != _TABLE_MAGIC:
        raise ValueError("not a TensorFlow checkpoint index: the magic number is missing")
    footer = table[-_FOOTER_BYTES:]
    at = 0
    for _ in range(2):  # the meta index's handle is not needed
        _, at = _varint(footer, at)
    for _, handle in _block_entries(table, *_handle(footer[at:])):
        yield from _block_entries(table, *_handle(handle))


def _handle(buffer: bytes) -> tuple[int, int]:
    offset, at = _varint(buffer, 0)
    size, _ = _varint(buffer, at)
    return offset, size


def _block_entries(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    if table[offset + size] != 0:
        raise ValueError("the checkpoint index is compressed, which is not supported")
    block = table[offset : offset + size]
    end = size - 4 - 4 * int.from_bytes(block[-4:], "little")  # restart points and their count close the block
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        unshared, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + unshared]
        at += unshared
        yield key, block[at : at + length]
        at += length


def from_tfjs(data: Path, model: Path) -> Arrays:
    """A TensorFlow.js graph model: its `.bin` holds what its `.json` lists; half floats become whole ones."""
    raw = data.read_bytes()
    arrays: Arrays = {}
    at = 0
    try:
        groups = json.loads(model.read_bytes())["weightsManifest"]
        for spec in (spec for group in groups for spec in group["weights"]):
            stored = spec.get("quantization", {"dtype": spec["dtype"]})
            if {"scale", "min"} & stored.keys() or spec["dtype"] not in ("float32", "int32"):
                raise ValueError(f"{model}: {spec['name']} is stored in a way that isn't known: {stored}")
            array = np.frombuffer(raw, np.dtype(stored["dtype"]), int(np.prod(spec["shape"])), at)
            arrays[spec["name"]] = array.reshape(spec["shape"]).astype(spec["dtype"])
            at += array.nbytes
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{model} is no readable TensorFlow.js graph model: {error}") from error
    if at != len(raw):
        raise ValueError(f"{data} has {len(raw)} bytes, {model} lists {at}")
    return arrays


RECIPES: Mapping[str, Callable[..., Arrays]] = {
    "torch": from_torch,
    "numpy-pickle": from_numpy_pickle,
    "tf1-bundle": from_tf1_bundle,
    "tfjs": from_tfjs,
}
