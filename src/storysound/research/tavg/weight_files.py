"""Weights in a file of the user's, read without running anything that stands in it."""

import hashlib
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from storysound.errors import InputError
from storysound.media.files import check_readable

Network = TypeVar("Network")
_FAULTS = (
    SafetensorError, pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, KeyError, TypeError, ValueError, OSError,
    AttributeError,
)  # fmt: skip
_AT_ONCE = 1 << 24  # bytes read for the hash


def read_weights(
    file: Path, made: Callable[[Mapping[str, Tensor]], Network], what: str, wanted: str
) -> tuple[Network, str]:
    """What `made` makes of a file's tensors, of any shape, and a short sha of the file.

    .safetensors, or a state dict of PyTorch's by names and arrays alone; TorchScript is code. `what` it should hold,
    and which file is `wanted`. Raises MediaError for a file that can't be read, InputError for one that holds something
    else.
    """
    check_readable(file)
    try:
        if file.suffix.lower() == ".safetensors":
            weights = load_file(file)
        elif _is_script(file):
            raise ValueError("it is TorchScript, which is code")
        else:
            weights = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
        network = made(weights)
    except _FAULTS as error:
        fault = " ".join(str(error).split())[:200]
        raise InputError(file, f"holds no weights of {what}: {fault}", wanted) from error
    return network, _sha(file)


def _sha(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()[:12]


def _is_script(file: Path) -> bool:
    """Whether it is an archive of TorchScript's."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())
