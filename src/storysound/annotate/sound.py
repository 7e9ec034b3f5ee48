"""What a sound is, and how it feels, judged from what the encoders heard in it and from the signal."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storysound.encode import mood as moods
from storysound.encode.ears import class_names
from storysound.encode.encoder import Encoder, Encoding, Head
from storysound.media.audio import Waveform
from storysound.media.expression import expression, stretch
from storysound.story import Kind, Mood

log = logging.getLogger(__name__)

SHORTEST_MUSIC_S = 6.0  # a shorter one is a sting: an effect, whatever it is made of


@dataclass(frozen=True)
class MusicEar:
    """An encoder one of whose classes means music: the `place` of that class among those of its label space."""

    name: str
    encoder: Encoder[Any]
    space: str
    place: int

    @property
    def head(self) -> Head:
        """What is known of the label space."""
        return self.encoder.traits.head(self.space)


def music_ear_among(encoders: Mapping[str, Encoder[Any]]) -> MusicEar | None:
    """Of the encoders with a class that means music the one that counts most for what is said, of equals the first."""
    ears = [
        MusicEar(name, encoder, space, place)
        for name, encoder in encoders.items()
        for space, labels in encoder.labels.items()
        if not (head := encoder.traits.head(space)).logits and (place := head.music_class(labels)) is not None
    ]
    return max(ears, key=lambda ear: ear.head.said, default=None)


class SoundJudge:
    """Says what sounds are and how they feel, by what some encoders hear in them."""

    def __init__(self, encoders: Mapping[str, Encoder[Any]]) -> None:
        """`encoders`, by name: all that will be asked about a sound."""
        self._music = music_ear_among(encoders)
        known = [
            (name, space)
            for name, encoder in encoders.items()
            for space, labels in encoder.labels.items()
            if labels == class_names()
        ]
        self._classes = known[0] if known else None  # who hears the classes whose moods are known
        if self._music is None:
            log.warning("none of %s can tell music: all sounds count as effects", ", ".join(encoders) or "no encoders")

    def kind(self, duration_s: float, heard: Mapping[str, Encoding]) -> Kind:
        """Music or effect, of a sound of this length; `heard`: what each encoder said of all of it."""
        if self._music is None or duration_s < SHORTEST_MUSIC_S:
            return "sfx"
        ear = self._music
        share = float(heard[ear.name].scores[ear.space].mean(axis=0)[ear.place])
        return "music" if share >= ear.head.music_from else "sfx"

    def mood(self, kind: Kind, heard: Mapping[str, Encoding], wave: Waveform) -> Mood:
        """Valence and arousal of a sound of this kind: of music by how it is played, of others by what they are.

        `heard`: what each encoder said of all of it; `wave`: as much of it as how it is played shall be judged by.
        Where nobody hears classes whose moods are known, others are judged by how they are played too.
        """
        if kind == "music" or self._classes is None:
            return moods.of_music(expression(stretch(wave)))
        name, space = self._classes
        return moods.of_effect(heard[name].scores[space].mean(axis=0))
