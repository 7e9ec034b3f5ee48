"""A second look at what a search found: the pair score of a trained Sound of Story re-ranks the best candidates.

The first stage knows what a library sounds like as a whole; the pair model hears each candidate against the query's
own sentences and pictures. What it says of an order it was never shown is the same for the same files.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from storysound.cue.mix import RATE_HZ
from storysound.errors import MediaError
from storysound.jobs.cutting import Laid
from storysound.jobs.find import Finder, Hit, Query, pictures_of
from storysound.jobs.footage import Footage
from storysound.jobs.listener import LISTENED_S, SHORTEST_S, Attention
from storysound.jobs.scenes import Understanding
from storysound.jobs.sos_features import TOKEN_S
from storysound.jobs.sos_stories import Pixels
from storysound.jobs.sos_trained import Trained
from storysound.match.first_stage import to_score
from storysound.match.sos import attention
from storysound.match.sos_inputs import frame_indices
from storysound.match.sos_model import Features
from storysound.media.audio import Waveform, read_audio
from storysound.story import Kind

log = logging.getLogger(__name__)

Floats = NDArray[np.float32]
Pair = Literal["AV", "AT"]
POOL = 32  # candidates that are looked at again, or as many as are asked for


class Ranker:
    """A trained model beside a library."""

    def __init__(self, trained: Trained) -> None:
        """Sounds that were heard once are remembered."""
        self._trained = trained
        self._heard = lru_cache(maxsize=1024)(self._hear)

    def again(self, hits: Sequence[Hit], text: str, pictures: Sequence[Pixels]) -> tuple[Hit, ...]:
        """Hits in the order of the pair score, which becomes theirs: in (0, 1), 0.5 the average of the candidates.

        Without text and pictures nothing changes. A sound that can't be read any more is told, and comes last.
        """
        if len(hits) < 2 or not (text.strip() or pictures):
            return tuple(hits)
        scores = self.scores(hits, text, pictures)
        known = np.isfinite(scores)
        scores[~known] = scores[known].min() - 1.0 if known.any() else 0.0
        spread = float(scores.std()) or 1.0
        shown = to_score((scores - scores.mean()) / spread)
        order = np.argsort(-scores, kind="stable")
        return tuple(replace(hits[i], score=round(float(shown[i]), 6), why=self._why(hits[i])) for i in order)

    def scores(self, hits: Sequence[Hit], text: str, pictures: Sequence[Pixels]) -> Floats:
        """Similarity of each hit's best moment to text and pictures, the mean of both: [n]; NaN for unreadable ones."""
        network, found = self._trained.network, np.full(len(hits), np.nan, np.float32)
        told = self._told(text, pictures)
        for i, hit in enumerate(hits):
            sound = self._heard(Path(hit.sound.root) / hit.sound.path, hit.start_s)
            if sound is not None:
                pairs = [network.similarity(sound, part, pair) for pair, part in told.items()]
                found[i] = float(torch.stack(pairs).mean())
        return found

    def attention(self, footage: Footage, _: Understanding, laid: Sequence[Laid]) -> dict[str, Attention]:
        """Maps for the report, as `Listener.attention`: how much of the pair score each picture and moment make up.

        1 is the largest share of a cue. Cues under which no picture was looked at, and very short ones, have none; nor
        has any where an encoder hears stretches as a whole: its parts are patches, not moments.
        """
        if self._trained.senses.stretch_s:
            return {}
        pictures = [picture for own in footage.pictures for picture in own]
        times = np.array(footage.times_s)
        maps: dict[str, Attention] = {}
        for one in laid:
            under = np.flatnonzero((times >= one.cue.start_s) & (times < one.cue.end_s))
            if under.size and one.samples.shape[1] >= SHORTEST_S * RATE_HZ:
                frames = self._frames([pictures[i] for i in self._chosen(under)]).tokens[0]
                heard = self._listened(Waveform(one.samples, RATE_HZ).cut(0, LISTENED_S)).tokens[0]
                shares = attention(frames, heard, temperature=self._trained.card.model.temperature).clamp(min=0)
                at = one.cue.pieces[0].in_s + TOKEN_S * np.arange(len(heard))
                values = (shares / shares.max().clamp(min=1e-9)).numpy()
                maps[one.cue.id] = (values, times[self._chosen(under)].tolist(), at.tolist())
        return maps

    def _chosen(self, numbers: NDArray[np.intp]) -> NDArray[np.intp]:
        """As many pictures as the model takes."""
        room = self._trained.card.model.frames
        return numbers[frame_indices(len(numbers), min(len(numbers), room))]

    def _listened(self, wave: Waveform) -> Features:
        """A sound in the common space, as much of it as the model takes."""
        senses, length_s = self._trained.senses, self._trained.card.crop_s
        if senses.stretch_s:
            (rows,) = torch.from_numpy(senses.stretches(wave, [0.0], length_s))
            return self._trained.network.audio(Features(rows[None, 0], rows[None, 1:]))
        tokens = torch.from_numpy(senses.audio(wave))[None, : self._trained.card.model.sounds]
        return self._trained.network.audio(Features(tokens.mean(1), tokens))

    def _told(self, text: str, pictures: Sequence[Pixels]) -> dict[Pair, Features]:
        network, senses = self._trained.network, self._trained.senses
        told: dict[Pair, Features] = {}
        if text.strip():
            rows = torch.from_numpy(senses.text((text,)))[None]
            told["AT"] = network.text(Features(rows[:, 0], rows[:, 1:]))
        if pictures:
            told["AV"] = self._frames(pictures)
        return told

    def _frames(self, pictures: Sequence[Pixels]) -> Features:
        chosen = self._chosen(np.arange(len(pictures)))
        rows = self._trained.senses.frames([pictures[i] for i in chosen])
        return self._trained.network.frames(torch.from_numpy(rows)[None])

    def _hear(self, file: Path, start_s: float) -> Features | None:
        try:
            wave = read_audio(file, channels=1, start_s=start_s, end_s=start_s + self._trained.card.crop_s)
        except MediaError as error:
            log.warning("can't be heard again, comes last: %s", error)
            return None
        return self._listened(wave)

    def _why(self, hit: Hit) -> tuple[str, ...]:
        return (*hit.why, f"re-ranked, before {hit.score:.3f}")


class Reranked:
    """A finder whose best hits are judged again."""

    def __init__(self, finder: Finder, ranker: Ranker) -> None:
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
