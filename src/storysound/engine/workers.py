"""What every worker process does first: computes on one thread, and dies with the process that started it."""

import os
import sys
import threading
import time

_LOOK_S = 0.2


def begin(parent: int) -> None:
    """First thing in a worker, before libraries that compute are imported; `parent` is the process that started it."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    threading.Thread(target=_die_with_parent, args=(parent,), daemon=True).start()


def settle() -> None:
    """When the tools are there: torch reads no environment once it is imported."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _die_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(1)
