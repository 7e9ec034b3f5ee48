"""`storysound find`: ranks the sounds of a library by text, pictures, a video, a sound, a mood, or any mix.

What searches is a `Finder`, with a model that judges again what it found where one is wanted. A session keeps its
finders: a second search reads nothing again unless the library has changed.
"""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from storysound.encode.pool import Models
from storysound.jobs.find.finder import Finder
from storysound.jobs.find.request import FindRequest, FindResult, check_rerank
from storysound.library import tastes
from storysound.library.store import Library
from storysound.match import story_words
from storysound.progress import Watch

if TYPE_CHECKING:
    from storysound.jobs.find.reranked import RerankedFinder
    from storysound.trained import sos_ranker

__all__ = ["Finder", "Finders", "finder_of", "run", "untaught"]


def run(request: FindRequest, models: Models, watch: Watch) -> FindResult:
    """Answers each query. Raises LibraryError, MediaError for a query's file that can't be read, and as `finder_of`."""
    finder = finder_of(request.library, models, request.rerank, request.taste)[0]
    hits = []
    for done, query in enumerate(request.queries):
        watch.at(done, len(request.queries), query.id)
        hits.append(finder.search(query, request.k, kind=request.kind, ignore_names=request.ignore_names))
    watch.at(len(hits), len(hits))
    return FindResult(tuple(hits))


class Finders:
    """The finders of a session: each library is read once, and again when it has changed; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[tuple[int, ...], Finder]] = {}

    def of(self, library: Path, models: Models) -> Finder:
        """The finder of a library as it is now. Raises LibraryError."""
        folder = library.absolute()
        version = (*Library.open(library).version(), tastes.stamp(folder), story_words.stamp(folder))
        with self._lock:
            known = self._known.get(folder)
            if known is None or known[0] != version:
                known = self._known[folder] = (version, Finder(library, models))
            return known[1]


def untaught(library: Path, models: Models) -> Finder:
    """What searches a library without what was learned for it. Raises LibraryError."""
    return _finder(library, models, False)


def _finder(library: Path, models: Models, taste: bool) -> Finder:
    known: Finder = models.get("finders", lambda _: Finders()).of(library, models)
    return known if taste else known.untaught()


def finder_of(
    library: Path, models: Models, rerank: str = "none", taste: bool = True
) -> "tuple[Finder | RerankedFinder, sos_ranker.SosRanker | None]":
    """What searches a library, and the model that judges again where it can say why, which MAC can't.

    `taste`: whether what was learned for the library counts. `rerank` is none, sos=FILE or mac=FILE. Raises UsageError
    for another one and for a model that finds no sounds, InputError for a file that is no trained model, LibraryError.
    """
    check_rerank(rerank)
    name, _, file = rerank.partition("=")
    if name == "none":
        return _finder(library, models, taste), None
    from storysound.jobs.find.reranked import RerankedFinder
    from storysound.trained import mac_ranker, sos_ranker  # a plain search needs none of them

    path = Path(file).expanduser().absolute()
    if name == "mac":
        judge = models.get(f"mac {path}", lambda _: mac_ranker.load(path, models))
        return RerankedFinder(_finder(library, models, taste), judge), None
    ranker = models.get(f"sos {path}", lambda _: sos_ranker.load(path, models))
    return RerankedFinder(_finder(library, models, taste), ranker), ranker
