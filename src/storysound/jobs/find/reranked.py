"""A second look at what a search found: the pair score of a trained model re-ranks the best candidates."""

from dataclasses import replace
from typing import Any, Literal

from storysound.jobs.find.finder import Finder, pictures_of
from storysound.match.query import Hit, Query
from storysound.story import Kind
from storysound.trained.ranker import PairRanker

POOL = 32  # candidates that are looked at again, or as many as are asked for


class RerankedFinder:
    """A finder whose best hits are judged again."""

    def __init__(self, finder: Finder, ranker: PairRanker[Any]) -> None:
        """Both are ready for queries."""
        self._finder, self._ranker = finder, ranker

    def search(
        self, query: Query, k: int = 10, *, kind: Literal[Kind, "any"] = "any", ignore_names: bool = False
    ) -> tuple[Hit, ...]:
        """As `Finder.search`: the k best of the first stage's best `POOL`, or k."""
        pictures = tuple(pictures_of(query))  # looked at twice, decoded once
        shown = replace(query, images=pictures, video=None)
        hits = self._finder.search(shown, max(k, POOL), kind=kind, ignore_names=ignore_names)
        return self._ranker.again(hits, query.text, pictures)[:k]
