"""One writer at a time: a lock the system gives back by itself when its owner dies."""

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storysound.errors import LibraryError

LOCK_NAME = "writer.lock"


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Holds the only right to write in `folder`; readers never ask for it.

    The lock is the kernel's (flock), so that of a killed process is free at once; the file only says who holds it.
    Raises LibraryError, naming process and machine, where another writer is at work; OSError where it can't be made.
    """
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            fault = f"is being written by {_owner(descriptor)}"
            raise LibraryError(folder, fault, "wait until that is done, or end it") from error
        owner = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
        with contextlib.suppress(OSError):  # a full disk must not keep us from cleaning up
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, owner.encode(), 0)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _owner(descriptor: int) -> str:
    """Who wrote itself into the lock file, in words."""
    try:
        owner = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {owner['pid']} on {owner['host']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
