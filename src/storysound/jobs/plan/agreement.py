"""A second look at sounds that were chosen: do they say what is seen, and which moment says it?

What is seen or told and what is heard are said in the classes of one encoder of the profile, through the text space
(`encode.gloss`). Scores here are absolute, unlike those of a search, whose best hit may still be a poor one.
"""

import logging
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from storysound.cue.rendered import LISTENED_S, SHORTEST_S, Attention, RenderedCue
from storysound.encode import gloss
from storysound.encode.encoder import Encoder
from storysound.encode.labels import LabelSpace, text_vectors
from storysound.encode.pool import Models
from storysound.encode.spaces import Recogniser, best_head, space_of, vocabulary
from storysound.encode.wording import sentences
from storysound.ingest.footage import Footage
from storysound.jobs.plan.sight import Sight
from storysound.media.arrays import RATE_HZ, Floats
from storysound.media.audio import Waveform
from storysound.progress import check

log = logging.getLogger(__name__)


class Listener:
    """The profile's encoder that says best what is heard."""

    def __init__(self, models: Models) -> None:
        """Loads the encoders of sound; without one that names what it hears nothing agrees with anything."""
        self._models = models
        named = best_head(models.audio)
        able = [named[0]] if named else [ear for ear in models.audio.values() if space_of(ear)]
        self._ear: Encoder[Waveform] | None = able[0] if able else None
        if self._ear is None:
            log.warning("no encoder of this profile can tell what a sound is: no effects are added")
            return
        self._hears = Recogniser(self._ear, models, lambda: vocabulary(()))
        self._space = self._hears.space
        self._wishes = lru_cache(maxsize=1)(self._wishes_of)

    def _wishes_of(self, seen: LabelSpace) -> Floats:
        """What each class that can be seen asks of the classes that can be heard: [c c']."""
        return self._space.weights(seen.vectors)

    def agreement(self, text: str, sight: Sight | None, unit: int, wave: Waveform) -> float:
        """How much of what a unit shows and is told of it is heard in a sound, >= 0; from 1 on it is heard clearly.

        The probability of each class, at the moment it is clearest, weighted by how much the class is meant.
        """
        if self._ear is None:
            return 0.0
        wanted = []
        if text.strip():
            wanted.append(self._space.weights(text_vectors(self._models.text, sentences(text))).mean(axis=0))
        if sight is not None:
            own = [gloss.translate(row, self._wishes(sight.space)) for row in sight.of_unit(unit)]
            wanted.append(np.mean(own, axis=0))
        heard = self._hears.scores(self._ear.encode([wave.cut(0, LISTENED_S).mono()])).max(axis=0)
        most = max((float(weights @ heard) for weights in wanted), default=0.0)
        return most / self._hears.head.clear

    def attention(self, footage: Footage, sight: Sight | None, cues: Sequence[RenderedCue]) -> dict[str, Attention]:
        """Maps for the report by cue id: the affinity of each picture and each moment, in [0, 1].

        Cues under which no picture was looked at, and those of a few samples, have none.
        """
        if self._ear is None or sight is None:
            return {}
        times = np.array(footage.times_s)
        maps: dict[str, Attention] = {}
        for one in cues:
            check()
            under = np.flatnonzero((times >= one.cue.start_s) & (times < one.cue.end_s))
            if not under.size or one.samples.shape[1] < SHORTEST_S * RATE_HZ:
                continue
            heard = self._ear.encode([Waveform(one.samples, RATE_HZ).cut(0, LISTENED_S).mono()])[0]
            frames = np.stack([gloss.vector(row, sight.space) for row in sight.scores[under]])
            steps = np.stack([gloss.vector(row, self._space) for row in self._hears.scores([heard])])
            at = one.cue.pieces[0].in_s + heard.step_s * np.arange(len(steps))
            values = np.clip(frames @ steps.T, 0, 1)
            maps[one.cue.id] = Attention(values, tuple(times[under].tolist()), tuple(at.tolist()))
        return maps
