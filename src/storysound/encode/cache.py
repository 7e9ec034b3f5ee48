"""What encoders said, kept in files: encoding is the slow part, and only new things should need it.

`kept` keeps whatever is made at once; `kept_rows` a vector for each of many texts, of which only new ones are made.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from storysound.errors import OutputError
from storysound.media.arrays import Floats
from storysound.media.files import atomic

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

Tensors = dict[str, "Tensor"]


def kept(cache: Path, of: Any, make: Callable[[], Tensors]) -> Tensors:
    """What `make` makes, from the folder `cache` where it was kept before; `of`, as JSON, says all it depends on.

    A file that is damaged is made anew. Raises OutputError, and what `make` raises.
    """
    from safetensors.torch import load_file, save_file  # brings torch, which nobody needs who keeps vectors of texts

    file = cache / f"{hashlib.sha256(json.dumps(of).encode()).hexdigest()[:24]}.safetensors"
    try:
        return load_file(file)
    except FileNotFoundError:
        pass
    except (OSError, SafetensorError) as error:
        log.warning("%s can't be read, encoding anew: %s", file, error)
    made = make()
    with atomic(file) as partial:
        save_file(made, partial)
    return made


def kept_rows(file: Path, texts: Sequence[str], make: Callable[[list[str]], Floats]) -> Floats:
    """A vector for each of n texts [n d]; `make` makes those of [m] that `file` doesn't know: [m d].

    The file is rewritten to hold just the texts asked for, so it can't grow without end. One that is damaged is made
    anew; one that can't be written costs time, nothing else.
    """
    keys = [hashlib.sha256(text.encode()).digest()[:16] for text in texts]
    known = _known_rows(file)
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if new:
        known |= dict(zip(new, make(list(new.values())), strict=True))
        unique = sorted(set(keys))
        rows = {"keys": np.frombuffer(b"".join(unique), np.uint8).reshape(-1, 16)}
        try:
            with atomic(file) as partial:
                safetensors.numpy.save_file(rows | {"vectors": np.stack([known[key] for key in unique])}, partial)
        except OutputError as error:
            log.warning("what was encoded can't be kept: %s", error)
    return np.stack([known[key] for key in keys])


def _known_rows(file: Path) -> dict[bytes, Floats]:
    try:
        stored = safetensors.numpy.load_file(file)
        return {key.tobytes(): row for key, row in zip(stored["keys"], stored["vectors"], strict=True)}
    except FileNotFoundError:
        return {}
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        log.warning("%s can't be read, encoding anew: %s", file, error)
        return {}
