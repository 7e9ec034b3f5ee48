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
from storysound.encode.labels import LabelSpace, label_space, text_vectors
from storysound.encode.pool import Models
from storysound.encode.wording import in_words, sentences
from storysound.ingest.footage import Footage
from storysound.jobs.score.scenes import Sight
from storysound.media.arrays import Floats
from storysound.media.audio import Waveform
from storysound.media.samples import RATE_HZ
from storysound.progress import check

log = logging.getLogger(__name__)

# Label spaces, the first that an encoder of the profile has, and the agreement in each that counts as 1. There about
# half of ESC-50's sounds are known by their class, and one in thirty by a wrong one.
SPACES = {"audioset": 0.05, "ucs78": 0.1, "imagenet": 0.05, "msd": 0.1}


class Listener:
    """The profile's encoder that says best what is heard."""

    def __init__(self, models: Models) -> None:
        """Loads the encoders of sound; without one that names what it hears nothing agrees with anything."""
        self._models = models
        ears = list(models.audio.values())
        known = [(space, ear) for space in SPACES for ear in ears if space in ear.labels]
        known += [(space, ear) for ear in ears for space in ear.labels]
        self._ear: Encoder[Waveform] | None = None
        if not known:
            log.warning("no encoder of this profile can tell what a sound is: no effects are added")
            return
        name, self._ear = known[0]
        labels = self._ear.labels[name]
        self._space = label_space(name, labels, in_words(name, labels), models.text, models.weights.cache)
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
        heard = self._ear.encode([wave.cut(0, LISTENED_S).mono()])[0].scores[self._space.name].max(axis=0)
        most = max((float(weights @ heard) for weights in wanted), default=0.0)
        return most / SPACES.get(self._space.name, 0.1)

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
            steps = np.stack([gloss.vector(row, self._space) for row in heard.scores[self._space.name]])
            at = one.cue.pieces[0].in_s + heard.step_s * np.arange(len(steps))
            values = np.clip(frames @ steps.T, 0, 1)
            maps[one.cue.id] = Attention(values, tuple(times[under].tolist()), tuple(at.tolist()))
        return maps
