"""How the program ends when it is told to: by Ctrl-C, or by the system. Either way it cleans up after itself."""

import _thread
import contextlib
import os
import signal
import sys
import threading
from types import FrameType

_SIGNALLED = 128  # exit codes above tell by which signal a program was ended


def prepare() -> None:
    """Ctrl-C raises KeyboardInterrupt; the system's polite requests to end raise SystemExit."""
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
