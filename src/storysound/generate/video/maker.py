"""Makers of video: what one gives, which there are, and pipelines of one after another (TAVGBench, section 5.2).

Sound has makers of its own (`generate.maker`); a pipeline is a maker of pictures, and one of sound where the first
isn't asked to make that too.
"""

import math
from collections.abc import Callable, Set
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol, get_args, runtime_checkable

import numpy as np
import torch

from storysound.encode import gloss
from storysound.encode.pool import Models
from storysound.encode.spaces import best_head
from storysound.errors import UsageError
from storysound.generate.maker import Conditions, Maker, TimedPicture
from storysound.media.arrays import Pixels
from storysound.media.audio import Waveform

VIDEO = {"tavdiffusion-small": "small", "tavdiffusion": "tavdiffusion", "animatediff": "animatediff", "ltx-2": "ltx2"}
"""What users call a maker of video, and its file of this folder: `load(folder, device, models) -> PictureMaker`."""
SHOWN_PER_S = 2.0  # pictures that a maker of sound is shown: the paper's 20 of 10 s
MOST_WORDS = 3  # classes of a sound that a maker of pictures is told
FROM = 0.1  # probability from which on a class is told; the strongest always is

Stages = Literal["together", "apart", "pictures-first", "sound-first"]
"""Both at once; each of the text alone; of the text pictures and of these sound; the other way."""
STAGES: tuple[Stages, ...] = get_args(Stages)


@dataclass(frozen=True)
class SilentClip:
    """What is seen."""

    frames: Pixels  # [f h w 3]
    frames_per_s: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.frames) / self.frames_per_s

    def cut(self, seconds: float) -> "SilentClip":
        """Its beginning, rounded up to whole frames."""
        return SilentClip(self.frames[: max(1, int(np.ceil(seconds * self.frames_per_s - 1e-6)))], self.frames_per_s)


@dataclass(frozen=True)
class AudibleClip:
    """What is seen and heard."""

    frames: Pixels  # [f h w 3]
    frames_per_s: float
    sound: Waveform

    @property
    def silent(self) -> SilentClip:
        """Its pictures alone."""
        return SilentClip(self.frames, self.frames_per_s)

    def cut(self, seconds: float) -> "AudibleClip":
        """Its beginning, rounded up to whole frames; the sound ends with them."""
        shown = self.silent.cut(seconds)
        return AudibleClip(shown.frames, shown.frames_per_s, self.sound.cut(0.0, shown.seconds))


class PictureMaker(Protocol):
    """A model that makes pictures in time of words. The same text, seed and length give the same on one machine."""

    usual_s: float  # of a clip where nobody asks for a length
    longest_s: float  # that it can make

    def pictures(self, text: str, seed: int, seconds: float) -> SilentClip:
        """A clip of about that length, to a frame. Raises Cancelled where the job was told to stop."""
        ...


@runtime_checkable
class AudibleMaker(PictureMaker, Protocol):
    """One that makes their sound as well."""

    alone: Set[Stages]  # which it can do without another model

    def make(self, text: str, seed: int, seconds: float, stages: Stages) -> AudibleClip:
        """As `pictures`, by one of `alone`."""
        ...


@runtime_checkable
class ClosedVocabulary(Protocol):
    """A maker that knows some words alone."""

    def unknown(self, text: str) -> list[str]:
        """Words of a text that it leaves out, in their order."""
        ...


@dataclass(frozen=True)
class Pipeline:
    """A way from a text to a clip with sound."""

    stages: Stages
    pictures: PictureMaker
    sounds: Maker | None  # None: `pictures`, an AudibleMaker, does it alone
    words: Callable[[Waveform], str]  # what is heard in a sound; asked for where sound comes first

    def check(self, seconds: float) -> None:
        """Raises UsageError for a length that the makers can't make."""
        longest_s = min(self.pictures.longest_s, math.inf if self.sounds is None else self.sounds.longest_s)
        if not 0 < seconds <= longest_s + 1e-6:
            fault = f"the models make up to {longest_s:g} s at once, asked for {seconds:g} s"
            raise UsageError(f"{fault}: a film of several shots may be longer", field="seconds")

    def make(self, text: str, seed: int, seconds: float) -> AudibleClip:
        """A clip of about that length, to a frame. Raises UsageError for lengths that the makers can't make."""
        self.check(seconds)
        if self.sounds is None:
            assert isinstance(self.pictures, AudibleMaker)
            return self.pictures.make(text, seed, seconds, self.stages)
        if self.stages == "sound-first":
            sound = self._sound(Conditions(seconds, seed, text))
            shown = self.pictures.pictures(self.words(sound), seed, seconds)
        else:
            shown = self.pictures.pictures(text, seed, seconds)
            what = {"text": text} if self.stages == "apart" else {"pictures": timed(shown)}
            length_s = min(shown.seconds, self.sounds.longest_s)  # whole frames may be a little longer
            sound = self._sound(Conditions(length_s, seed, **what))
        return AudibleClip(shown.frames, shown.frames_per_s, sound.cut(0.0, shown.seconds))

    def _sound(self, conditions: Conditions) -> Waveform:
        assert self.sounds is not None
        return self.sounds.make(conditions)


def pipeline_of(
    pictures: PictureMaker, sounds: Maker | None, stages: Stages | None, words: Callable[[Waveform], str]
) -> Pipeline:
    """The pipeline of these makers; without `stages` a maker of both makes them together, others each of the text.

    Raises UsageError for stages that they can't do, and where a maker of sound is needed.
    """
    able: Set[Stages] = pictures.alone if isinstance(pictures, AudibleMaker) else frozenset()
    if stages is None:
        stages = "together" if sounds is None and "together" in able else "apart"
    if sounds is None and stages not in able:
        can = ", ".join(sorted(able)) or "none"
        raise UsageError(f"{stages!r} needs a model of sound as well: alone this one can do {can}", field="sound")
    if sounds is not None and stages == "together":
        raise UsageError("a model of sound has no part in what is made together: choose other stages", field="sound")
    if sounds is not None:
        wanted = "pictures" if stages == "pictures-first" else "text"
        if wanted not in sounds.takes:
            fault = f"{stages!r} needs a model that makes sound of {wanted}; this one takes {', '.join(sounds.takes)}"
            raise UsageError(fault, field="sound")
    return Pipeline(stages, pictures, sounds, words)


def timed(clip: SilentClip) -> tuple[TimedPicture, ...]:
    """Pictures of a clip as a maker of sound takes them: `SHOWN_PER_S` of them a second, evenly, one at least."""
    count = max(1, int(min(clip.seconds * SHOWN_PER_S, len(clip.frames))))
    numbers = [i * len(clip.frames) // count for i in range(count)]
    return tuple(TimedPicture(i / clip.frames_per_s, clip.frames[i]) for i in numbers)


def heard_words(models: Models) -> Callable[[Waveform], str]:
    """Says what a profile's ears hear in a sound, as words for a maker of pictures; "" where they name nothing.

    This stands for TempoToken (section 5.2), which tells a video model more of a sound than words can: how it goes on
    in time. Raises UsageError for a profile whose ears name nothing.
    """
    found = best_head(models.audio)
    if found is None:
        raise UsageError(f"profile {models.profile.name!r}: no encoder of sound names anything to make pictures of")
    ear, space = found
    head = ear.traits.head(space)
    meanings = tuple(head.wording(label)[0] for label in ear.labels[space])

    def words(sound: Waveform) -> str:
        scores = ear.encode([sound.mono()])[0].scores[space].max(axis=0)
        named = gloss.words(scores, meanings, MOST_WORDS, FROM) or gloss.words(scores, meanings, 1, -np.inf)
        return ", ".join(dict.fromkeys(named))

    return words


def load(file: str, folder: Path, device: torch.device, models: Models) -> PictureMaker:
    """The maker of a file of this folder, from the folder of its weights. Raises MissingModelError without them."""
    maker: PictureMaker = import_module(f"storysound.generate.video.{file}").load(folder, device, models)
    return maker
