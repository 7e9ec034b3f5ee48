"""The library of the starter sounds, for stories that are given none of their own."""

import hashlib
from pathlib import Path

from storysound.encode.pool import Models
from storysound.errors import LibraryError
from storysound.jobs.index.index import run as index
from storysound.jobs.index.request import IndexRequest
from storysound.library.analyse import REVISION
from storysound.library.starter import starter_entries, write_starter
from storysound.library.store import Library
from storysound.progress import Watch


def starter_library(models: Models, watch: Watch) -> Path:
    """The library in the user's cache for the profile of `models`, as it is analysed today; when it is first asked for.

    Raises MissingModelError where the starter sounds haven't been fetched, OutputError as `index`.
    """
    weights = models.weights
    entries = starter_entries(weights)
    sounds = "".join(entry.sha256 for entry in entries)
    home = weights.cache / "starter" / _short(sounds)
    library = home / f"library-{_short(repr(models.profile) + REVISION)}"
    if not _holds(library, len(entries)):
        write_starter(weights, home / "sounds")
        index(IndexRequest((home / "sounds",), library), models, watch)
    return library


def _holds(library: Path, count: int) -> bool:
    try:
        return len(Library.open(library).sounds()) == count
    except LibraryError:
        return False


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
