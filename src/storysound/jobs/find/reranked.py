"""A second look at what a search found: the pair score of a trained model re-ranks the best candidates.

The first stage knows what a library sounds like as a whole; a pair model hears each candidate against the query's own
words and pictures. What it says of an order it was never shown is the same for the same files.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from storysound.errors import MediaError
from storysound.jobs.find.find import Finder, pictures_of
from storysound.match.first_stage import to_score
from storysound.match.query import Hit, Query
from storysound.match.sos_model import Features
from storysound.media.audio import Waveform, read_audio
from storysound.research.stories.features import Senses
from storysound.research.stories.read import Pixels
from storysound.story import Kind

log = logging.getLogger(__name__)

Floats = NDArray[np.float32]
POOL = 32  # candidates that are looked at again, or as many as are asked for
Heard = TypeVar("Heard")


class PairRanker(ABC, Generic[Heard]):
    """A trained pair model beside a library; sounds that were heard once are remembered."""

    def __init__(self, senses: Senses, crop_s: float) -> None:
        """`crop_s`: how much of a hit's best moment is heard."""
        self.senses, self.crop_s = senses, crop_s
        self._heard = lru_cache(maxsize=1024)(self._hear)

    @abstractmethod
    def judges(self, text: str, pictures: Sequence[Pixels]) -> bool:
        """Whether the model has something to say of such a query."""

    @abstractmethod
    def listened(self, features: Features) -> Heard:
        """What the model makes of a sound, once for all queries."""

    @abstractmethod
    def compared(self, text: str, pictures: Sequence[Pixels], sounds: Sequence[Heard]) -> Floats:
        """Scores of sounds [n] for a query that the model judges."""

    def again(self, hits: Sequence[Hit], text: str, pictures: Sequence[Pixels]) -> tuple[Hit, ...]:
        """Hits in the order of the pair score, which becomes theirs: in (0, 1), 0.5 the average of the candidates.

        Where the model has nothing to say nothing changes. A sound that can't be read any more is told, and comes last.
        """
        if len(hits) < 2 or not self.judges(text, pictures):
            return tuple(hits)
        scores = self.scores(hits, text, pictures)
        known = np.isfinite(scores)
        scores[~known] = scores[known].min() - 1.0 if known.any() else 0.0
        spread = float(scores.std()) or 1.0
        shown = to_score((scores - scores.mean()) / spread)
        order = np.argsort(-scores, kind="stable")
        return tuple(replace(hits[i], score=round(float(shown[i]), 6), why=_why(hits[i])) for i in order)

    def scores(self, hits: Sequence[Hit], text: str, pictures: Sequence[Pixels]) -> Floats:
        """Score of each hit's best moment: [n]; NaN for those that can't be read."""
        sounds = [self._heard(Path(hit.sound.root) / hit.sound.path, hit.start_s) for hit in hits]
        known = [sound for sound in sounds if sound is not None]
        found = np.full(len(hits), np.nan, np.float32)
        if known:
            found[[sound is not None for sound in sounds]] = self.compared(text, pictures, known)
        return found

    def features(self, wave: Waveform) -> Features:
        """A sound as the model learned them: the whole [1 d] and its tokens [1 n d]."""
        if self.senses.stretch_s:
            (rows,) = torch.from_numpy(self.senses.stretches(wave, [0.0], self.crop_s))
            return Features(rows[None, 0], rows[None, 1:])
        tokens = torch.from_numpy(self.senses.audio(wave))[None]
        return Features(tokens.mean(1), tokens)

    def _hear(self, file: Path, start_s: float) -> Heard | None:
        try:
            wave = read_audio(file, channels=1, start_s=start_s, end_s=start_s + self.crop_s)
        except MediaError as error:
            log.warning("can't be heard again, comes last: %s", error)
            return None
        return self.listened(self.features(wave))


def _why(hit: Hit) -> tuple[str, ...]:
    return (*hit.why, f"re-ranked, before {hit.score:.3f}")


class Reranked:
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
