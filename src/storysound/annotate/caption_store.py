"""Captions that cost something to make: kept as soon as they are there, so that none is asked for twice."""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from storysound.media.files import writing


class CaptionStore:
    """Texts that cost something to make, in a file of JSON lines that grows with each; safe for several threads."""

    def __init__(self, file: Path) -> None:
        """Reads what is there; a last line that was cut off is dropped."""
        self._file = file
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        for line in file.read_text("utf-8", "replace").split("\n") if file.exists() else ():
            try:
                row = json.loads(line)
                self._known[row["key"]] = row["text"]
            except (ValueError, KeyError, TypeError):
                continue

    def __contains__(self, key: str) -> bool:
        """Whether the text of a key is there."""
        return key in self._known

    def get(self, key: str, make: Callable[[], str], more: Mapping[str, Any] | None = None) -> str:
        """The text of a key, made if need be, by one thread alone; `more` is written beside it when it is.

        Raises OutputError, and what `make` raises.
        """
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._known:
                self._put(key, make(), more or {})
            return self._known[key]

    def _put(self, key: str, text: str, more: Mapping[str, Any]) -> None:
        line = json.dumps({"key": key, "text": text, **more})
        with self._lock, writing(self._file):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write("\n" + line)
            self._known[key] = text
