"""A trained pair model hears each candidate of a search against the query's own words and pictures.

The first stage knows what a library sounds like as a whole. What a model says of an order it was never shown is the
same for the same files.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch

from storysound.encode.features import StoryEncoder
from storysound.errors import MediaError
from storysound.match.first_stage import to_score
from storysound.match.query import Hit
from storysound.match.sos_model import Features
from storysound.media.arrays import Floats, Pixels
from storysound.media.audio import Waveform, read_audio
from storysound.progress import check

log = logging.getLogger(__name__)

Candidate = TypeVar("Candidate")  # what a model makes of a sound


class PairRanker(ABC, Generic[Candidate]):
    """A trained pair model beside a library; sounds that were heard once are remembered."""

    def __init__(self, encoder: StoryEncoder, crop_s: float) -> None:
        """`crop_s`: how much of a hit's best moment is heard."""
        self.encoder, self.crop_s = encoder, crop_s
        self._heard = lru_cache(maxsize=1024)(self._hear)

    @abstractmethod
    def judges(self, text: str, pictures: Sequence[Pixels]) -> bool:
        """Whether the model has something to say of such a query."""

    @abstractmethod
    def listened(self, features: Features) -> Candidate:
        """What the model makes of a sound, once for all queries."""

    @abstractmethod
    def compared(self, text: str, pictures: Sequence[Pixels], sounds: Sequence[Candidate]) -> Floats:
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
        if self.encoder.stretch_s:
            (rows,) = torch.from_numpy(self.encoder.stretches(wave, [0.0], self.crop_s))
            return Features(rows[None, 0], rows[None, 1:])
        tokens = torch.from_numpy(self.encoder.audio(wave))[None]
        return Features(tokens.mean(1), tokens)

    def _hear(self, file: Path, start_s: float) -> Candidate | None:
        check()
        try:
            wave = read_audio(file, channels=1, start_s=start_s, end_s=start_s + self.crop_s)
        except MediaError as error:
            log.warning("can't be heard again, comes last: %s", error)
            return None
        return self.listened(self.features(wave))


def _why(hit: Hit) -> tuple[str, ...]:
    return (*hit.why, f"re-ranked, before {hit.score:.3f}")
