"""What every worker process does first: computes on one thread, and dies with the process that started it."""

import os
import sys
import threading
import time
from pathlib import Path

_LOOK_S = 0.2  # between two looks at whether to go on


def begin(parent: int, leash: Path | None = None) -> None:
    """First thing in a worker, before libraries that compute are imported.

    The worker ends with the process `parent` that started it, or when the file `leash` is gone.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    threading.Thread(target=_watch, args=(parent, leash), daemon=True).start()


def settle() -> None:
    """When the tools are there: torch reads no environment once it is imported."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _watch(parent: int, leash: Path | None) -> None:
    while os.getppid() == parent and (leash is None or leash.exists()):
        time.sleep(_LOOK_S)
    os._exit(1)
