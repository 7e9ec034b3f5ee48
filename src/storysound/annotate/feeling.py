"""How texts, pictures and sounds feel: the encoders that moods are told by, whatever the profile."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from storysound.annotate import sound as judging
from storysound.encode import encoder
from storysound.encode import mood as moods
from storysound.encode.encoder import Encoder
from storysound.encode.wording import sentences
from storysound.library.analyse import analyse
from storysound.media.audio import Waveform
from storysound.media.expression import expression
from storysound.story import Mood
from storysound.weights.resolver import Resolver

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

Modality = Literal["image", "audio", "text", "video"]

EARS = "ears"


@dataclass(frozen=True)
class Moment:
    """The mood of one modality around a time."""

    time_s: float
    modality: Modality
    mood: Mood


@dataclass(frozen=True)
class Felt:
    """The mood of a file as a whole, and over time where it lasts: moments in the order of time."""

    path: str
    modality: Modality
    mood: Mood
    curve: tuple[Moment, ...] = ()
    duration_s: float = 0.0


class Feeling:
    """The encoders that moods are told by, each loaded when it is first needed."""

    def __init__(self, weights: Resolver) -> None:
        """Encoders are those that the heads learned to go by, whatever the profile."""
        self._weights = weights

    @cached_property
    def reader(self) -> Encoder[str]:
        """Of texts."""
        return encoder.load(moods.READER, self._weights)

    @cached_property
    def eyes(self) -> Encoder[Pixels]:
        """Of pictures."""
        return encoder.load(moods.EYES, self._weights)

    @cached_property
    def ears(self) -> Encoder[Waveform]:
        """Of sounds."""
        return encoder.load(EARS, self._weights)

    def text(self, text: str) -> Mood:
        """The mean of a text as a whole and its sentences. Raises ValueError for one that says nothing."""
        return moods.as_mood(self.texts(sentences(text)))

    def texts(self, texts: Sequence[str]) -> Floats:
        """Of each text: [n 2]."""
        return moods.of_texts(self.reader.encode(texts))

    def pictures(self, pictures: Sequence[Pixels]) -> Floats:
        """Of each picture: [n 2]."""
        return moods.of_pictures(self.eyes.encode(pictures))

    def stretch(self, wave: Waveform) -> Mood:
        """Of a stretch of sound, by what is heard in it: music or anything else."""
        heard = {EARS: self.ears.encode([wave.mono()])[0]}
        return judging.mood(judging.kind(wave.duration_s, heard), heard, expression(wave))

    def sound(self, file: Path) -> tuple[Mood, float]:
        """Of a whole sound, as a library has it, and its length in seconds. Raises MediaError, also for silence."""
        sound = analyse(file, {EARS: self.ears}).sound
        return sound.mood, sound.duration_s
