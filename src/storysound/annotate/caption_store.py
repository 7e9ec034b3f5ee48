"""Captions that cost something to make: kept as soon as they are there, so that none is asked for twice."""

import json
from collections.abc import Callable
from pathlib import Path

from storysound.media.files import writing


class CaptionStore:
    """Texts that cost something to make, in a file of JSON lines that grows with each."""

    def __init__(self, file: Path) -> None:
        """Reads what is there; a last line that was cut off is dropped."""
        self._file = file
        self._known: dict[str, str] = {}
        for line in file.read_text("utf-8", "replace").split("\n") if file.exists() else ():
            try:
                row = json.loads(line)
                self._known[row["key"]] = row["text"]
            except (ValueError, KeyError, TypeError):
                continue

    def get(self, key: str, make: Callable[[], str]) -> str:
        """The text of a key, made if need be. Raises OutputError, and what `make` raises."""
        if key not in self._known:
            self._known[key] = make()
            with writing(self._file):
                self._file.parent.mkdir(parents=True, exist_ok=True)
                with self._file.open("a", encoding="utf-8") as stream:
                    stream.write("\n" + json.dumps({"key": key, "text": self._known[key]}))
        return self._known[key]
