"""Warnings of a row as notes of the row."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Notes(logging.Filter):
    """Keeps warnings of one thread from a handler and notes them; other threads' records pass."""

    def __init__(self, notes: list[str]) -> None:
        super().__init__()
        self.notes = notes
        self._thread = threading.get_ident()
        self._last: logging.LogRecord | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread or record.levelno < logging.WARNING:
            return True
        if record is not self._last:  # each handler shows us the same one
            self.notes.append(record.getMessage())
            self._last = record
        return False


@contextmanager
def collected(notes: list[str]) -> Iterator[None]:
    """What this thread warns of in the block goes into `notes` and not to whoever shows the program's warnings."""
    own = _Notes(notes)
    handlers = [*logging.getLogger().handlers, *logging.getLogger("storysound").handlers]
    if logging.lastResort is not None:  # shows what no handler takes
        handlers.append(logging.lastResort)
    for handler in handlers:
        handler.addFilter(own)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(own)
