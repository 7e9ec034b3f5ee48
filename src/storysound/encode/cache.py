"""What encoders said, kept in files: encoding is the slow part, and only new things should need it."""

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from storysound.media.files import atomic

log = logging.getLogger(__name__)

Tensors = dict[str, Tensor]


def kept(cache: Path, of: Any, make: Callable[[], Tensors]) -> Tensors:
    """What `make` makes, from the folder `cache` where it was kept before; `of`, as JSON, says all it depends on.

    A file that is damaged is made anew. Raises OutputError, and what `make` raises.
    """
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
