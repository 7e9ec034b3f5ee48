"""What a command does to its process: how it ends when it is told to, and how much of the machine it takes.

By Ctrl-C or by the system: either way it cleans up after itself.
"""

import _thread
import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_LOOKS = (20_000, 10, 10)  # new objects after which Python looks for lost ones: modules make many, and lose none
_SIGNALLED = 128  # exit codes above tell by which signal a program was ended


def prepare() -> None:
    """Ctrl-C raises KeyboardInterrupt; the system's polite requests to end raise SystemExit."""
    gc.set_threshold(*_LOOKS)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) == signal.SIG_DFL:  # nohup stays as it is
            signal.signal(ending, _end)
    sys.unraisablehook = _unraisable


def leave(code: int) -> None:
    """Ends the program with an exit code.

    After an interruption Daft's threads may still wait for their workers, and would abort an orderly end of Python.
    """
    if code > _SIGNALLED and "daft" in sys.modules:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(_SIGNALLED + number)


def _unraisable(lost: "sys.UnraisableHookArgs") -> None:
    """Python can't raise inside some callbacks, as those of imports; a Ctrl-C lost there comes again a moment later."""
    if issubclass(lost.exc_type, KeyboardInterrupt | SystemExit):
        threading.Timer(0.02, _thread.interrupt_main).start()
    else:
        sys.__unraisablehook__(lost)


def usable_cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch: more of them cost processor time and gain little on single sounds and pictures."""
    torch = sys.modules.get("torch")
    if torch is None:  # not imported yet, and perhaps not needed: it will read the environment
        before = {name: os.environ.get(name) for name in _THREADS}
        os.environ.update(dict.fromkeys(_THREADS, "1"))
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
