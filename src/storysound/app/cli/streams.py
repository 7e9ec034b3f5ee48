"""What leaves the program: results and JSON lines on stdout; warnings, progress and errors on stderr."""

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from storysound.errors import StorysoundError, one_line

TRACE = "STORYSOUND_TRACE"  # set: an unforeseen error shows where it came from


def prepare() -> None:
    """Makes both streams take any text, closed ones included, and shows warnings of the library on stderr."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115
        with suppress(AttributeError, ValueError):  # replaced by a test or a notebook
            getattr(sys, name).reconfigure(errors="backslashreplace")
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("warning: %(message)s"))
    handler.setLevel(logging.WARNING)
    own = logging.getLogger("storysound")
    own.handlers = [handler]
    own.propagate = False


class _OneLine(logging.Formatter):
    """Names in a message may hold line breaks; and where a warning came from is for developers."""

    def format(self, record: logging.LogRecord) -> str:
        if not os.environ.get(TRACE):
            record.exc_info = record.exc_text = None
        return one_line(super().format(record)) if record.exc_info is None else super().format(record)


def json_line(row: Mapping[str, Any]) -> None:
    """Writes a row to stdout at once, as strict JSON, in the characters that stdout can take."""
    takes_all = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(row, ensure_ascii=not takes_all, allow_nan=False)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def line(text: str) -> None:
    """Writes a line for people to stdout; odd characters of names in it are shown escaped."""
    sys.stdout.write(one_line(text) + "\n")


def block(text: str) -> None:
    """Writes a text of many lines to stdout as it is."""
    sys.stdout.write(text + "\n")


def tell(text: str) -> None:
    """Writes a line for people to stderr. Nobody listening there is no reason to stop."""
    with suppress(OSError, ValueError):
        sys.stderr.write(one_line(text) + "\n")
        sys.stderr.flush()


def flags(text: str) -> str:
    """A text in which fields of requests stand in backticks, in the words of the command line.

    >>> flags("`keep_original` is off")
    '--keep-original is off'
    """
    return re.sub(r"`(\w+)`", lambda found: f"--{found[1].replace('_', '-')}", text)


def fail(text: str, code: int) -> int:
    """Tells an error, in red where people look; gives back its exit code."""
    text = one_line(text)
    if text:
        shown = f"\033[31merror: {text}\033[0m" if sys.stderr.isatty() else f"error: {text}"
        with suppress(OSError, ValueError):
            sys.stderr.write(shown + "\n")
    return code


def fail_unforeseen(error: Exception) -> int:
    """Tells an error nobody thought of: a fault of ours."""
    if os.environ.get(TRACE):
        raise error
    what = f"{type(error).__name__}: {error}"
    return fail(f"{what} (a fault of Storysound: please report it; {TRACE}=1 shows where)", StorysoundError.exit_code)


def drop_output() -> None:
    """Sends what is left of stdout nowhere, so that Python does not stumble over it when it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
