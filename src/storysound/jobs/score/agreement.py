"""A second look at sounds that were chosen: do they say what is seen, and which moment says it?

What is seen or told and what is heard are said in the classes of one encoder of the profile, through the text space
(`encode.gloss`). Scores here are absolute, unlike those of a search, whose best hit may still be a poor one.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storysound.config import Profile
from storysound.cue.mix import RATE_HZ
from storysound.encode import gloss
from storysound.encode.encoder import Encoder
from storysound.encode.labels import LabelSpace, head_space, text_vectors
from storysound.encode.spaces import best_head
from storysound.encode.wording import sentences
from storysound.errors import UsageError
from storysound.ingest.footage import Footage
from storysound.jobs.score.cuts import Laid
from storysound.jobs.score.scenes import Understanding
from storysound.media.audio import Waveform

Floats = NDArray[np.float32]
Attention = tuple[Floats, list[float], list[float]]

LISTENED_S = 20.0  # of each cue, from its start
SHORTEST_S = 0.1  # shorter cues have no moments to tell apart


class Listener:
    """The profile's encoder that says best what is heard."""

    def __init__(self, profile: Profile, load: Callable[[str], Encoder[Any]], cache: Path | None) -> None:
        """`load` gives encoders by name; `cache`: folder in which the vectors of labels are kept."""
        self._reader: Encoder[str] = load(profile.text)
        ears: list[Encoder[Waveform]] = [load(name) for name in profile.audio]
        known = best_head({ear.name: ear for ear in ears})
        if known is None:
            raise UsageError(f"profile {profile.name!r}: none of its encoders of sound names what it hears")
        self._ear, name = known
        self._clear = self._ear.traits.head(name).clear
        labels = self._ear.labels[name]
        self.space = head_space(name, labels, self._ear.traits.head(name), self._reader, cache)
        self._wishes = lru_cache(maxsize=1)(self._wishes_of)

    def _wishes_of(self, seen: LabelSpace) -> Floats:
        """What each class that can be seen asks of the classes that can be heard: [c c']."""
        return self.space.weights(seen.vectors)

    def agreement(self, footage: Footage, understood: Understanding, unit: int, wave: Waveform) -> float:
        """How much of what a unit shows and tells is heard in a sound, >= 0; from 1 on it is heard clearly.

        The probability of each class, at the moment it is clearest, weighted by how much the class is meant.
        """
        wanted = []
        if footage.texts[unit].strip():
            wanted.append(self.space.weights(text_vectors(self._reader, sentences(footage.texts[unit]))).mean(axis=0))
        own = understood.classes[understood.owner == unit]
        wanted.append(np.mean([gloss.translate(row, self._wishes(understood.seen)) for row in own], axis=0))
        heard = self._ear.encode([wave.cut(0, LISTENED_S).mono()])[0].scores[self.space.name].max(axis=0)
        return max(float(weights @ heard) for weights in wanted) / self._clear

    def attention(self, footage: Footage, understood: Understanding, laid: Sequence[Laid]) -> dict[str, Attention]:
        """Maps for the report: per cue id the affinity [frames steps] in [0, 1], frame times and sound times in s.

        Cues under which no picture was looked at, and those of a few samples, have none.
        """
        cues = [one for one in laid if one.samples.shape[1] >= SHORTEST_S * RATE_HZ]
        waves = [Waveform(one.samples, RATE_HZ).cut(0, LISTENED_S).mono() for one in cues]
        times = np.array(footage.times_s)
        maps: dict[str, Attention] = {}
        for one, encoding in zip(cues, self._ear.encode(waves) if waves else [], strict=True):
            under = np.flatnonzero((times >= one.cue.start_s) & (times < one.cue.end_s))
            if under.size:
                frames = np.stack([gloss.vector(row, understood.seen) for row in understood.classes[under]])
                steps = np.stack([gloss.vector(row, self.space) for row in encoding.scores[self.space.name]])
                at = one.cue.pieces[0].in_s + encoding.step_s * np.arange(len(steps))
                maps[one.cue.id] = (np.clip(frames @ steps.T, 0, 1), times[under].tolist(), at.tolist())
        return maps
