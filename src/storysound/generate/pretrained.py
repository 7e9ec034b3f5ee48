"""Networks of transformers and diffusers, read from a folder of this disk: no connection, no pickle, no chatter."""

import os
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from storysound.errors import MissingModelError, UsageError
from storysound.progress import check
from storysound.weights.resolver import Resolver

FROM_DISK: dict[str, Any] = {"local_files_only": True, "use_safetensors": True}
"""For every `from_pretrained`: opens no connection, and refuses weights that are pickles."""


def chosen_folder(choice: str, names: Collection[str], weights: Resolver, without: str = "") -> tuple[str, Path, str]:
    """The name, the folder and the licence of the model that a user chose: one of `names`, or NAME=FOLDER.

    By name alone it is the catalogue's, whose files the resolver has or fetches; the licence of a folder of one's own
    is not known here: "". Raises UsageError for another name, or as the resolver does; MissingModelError where the
    files can't be had, with what can be done `without` them.
    """
    name, equals, folder = choice.partition("=")
    if name not in names or (equals and not folder):
        wanted = f"give {', '.join(names)}, or NAME=FOLDER with the files of such a model"
        raise UsageError(f"{choice!r} is unknown: {wanted}", field="model")
    if folder:
        return name, Path(folder).expanduser(), ""
    own = [weights.entry(entry) for entry in weights.entries if entry.startswith(f"{name}/")]
    if not own:
        wanted = f"`model` {name}=FOLDER takes it from a folder of yours" + (f"; {without}" if without else "")
        raise MissingModelError(f"the model {name} is not in the catalogue: {wanted}")
    try:
        paths = [weights.path(entry.name) for entry in own]
    except MissingModelError as error:
        raise MissingModelError(
            f"the model {name} ({own[0].credit}) is not here: `storysound models pull {own[0].group}` fetches it, "
            f"`model` {name}=FOLDER takes it from a folder of yours" + (f"; {without}" if without else "")
        ) from error
    licence = "; ".join(dict.fromkeys(entry.licence for entry in own))
    return name, paths[0].parents[own[0].name.count("/") - 1], licence


def pipeline(kind: str, folder: Path, device: torch.device, half: torch.dtype = torch.float16) -> Any:
    """The pipeline of diffusers of the class `kind`, in `half` precision on a GPU; to be called within `loading`."""
    precision = half if device.type == "cuda" else torch.float32
    made = getattr(import_module("diffusers"), kind)
    found = made.from_pretrained(folder, low_cpu_mem_usage=False, torch_dtype=precision, **FROM_DISK).to(device)
    found.set_progress_bar_config(disable=True)
    return found


def checked(_pipeline: Any, _step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
    """Called by pipelines after each step of denoising; changes nothing. Raises Cancelled where the job is to stop."""
    check()
    return tensors


@contextmanager
def loading(folder: Path, wanted: str) -> Iterator[None]:
    """Maps all that goes wrong in the block, where a model is loaded from `folder`, to MissingModelError.

    `wanted` says what should lie there. The libraries' progress bars and advice are silenced, and their telemetry,
    which only ever rides on downloads, is switched off.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if not folder.is_dir():
        raise MissingModelError(f"{folder}: is no folder; wanted {wanted}")
    try:
        with quiet():
            yield
    except ImportError as error:
        needed = f"{wanted} needs {error.name or 'more packages'}"
        raise MissingModelError(f"{needed}: pip install 'storysound[hub]'") from error
    except Exception as error:  # the libraries raise many kinds for files that are missing, damaged or of another model
        fault = " ".join(str(error).split())[:200] or type(error).__name__
        raise MissingModelError(f"{folder}: can't be loaded as {wanted}: {fault}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps the libraries from talking to the user of ours in the block. Raises ImportError where they are missing."""
    for name in ("diffusers", "transformers"):
        library = import_module(f"{name}.utils.logging")
        library.set_verbosity_error()
        library.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
