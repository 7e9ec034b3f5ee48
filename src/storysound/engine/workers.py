"""What every worker process does first: it keeps to itself, and dies with the process that started it."""

import os
import signal
import sys
import threading
import time
import warnings

_LOOK_S = 0.2  # between two looks at whether to go on


def begin(parent: int | None = None) -> None:
    """First thing in a worker, before libraries that compute are imported: one thread, stderr for all it prints.

    With `parent`, the process that started it, the worker ends when that does, and leaves Ctrl-C to it.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    if "torch" in sys.modules:  # it reads no environment once it is imported
        sys.modules["torch"].set_num_threads(1)
    warnings.simplefilter("ignore")
    if parent is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of the terminal
        os.dup2(2, 1)  # stdout is for the results of the program that started us
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(1)
