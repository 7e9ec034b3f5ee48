"""What a sound is, and how it feels, judged from what the encoders heard in it and from the signal."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from storysound.encode import mood as moods
from storysound.encode.ears import class_names
from storysound.encode.encoder import Encoding
from storysound.media.expression import Expression
from storysound.story import Kind, Mood

SPACE = "audioset"  # one of the encoders has to offer its scores
MUSIC_SHARE = 0.4  # mean probability of the class "Music" from which a sound is music
SHORTEST_MUSIC_S = 6.0  # a shorter one is a sting: an effect, whatever it is made of


def kind(duration_s: float, heard: Mapping[str, Encoding]) -> Kind:
    """Music or effect, of a sound of this length; `heard`: what each encoder said of all of it."""
    music = float(_heard(heard).mean(axis=0)[_position("Music")])
    return "music" if duration_s >= SHORTEST_MUSIC_S and music >= MUSIC_SHARE else "sfx"


def mood(kind: Kind, heard: Mapping[str, Encoding], expression: Expression) -> Mood:
    """Valence and arousal of a sound of this kind: of music by how it is played, of others by what they are."""
    return moods.of_music(expression) if kind == "music" else moods.of_effect(_heard(heard).mean(axis=0))


def _heard(heard: Mapping[str, Encoding]) -> NDArray[np.float32]:
    """Class probabilities over time [t 521] from the encoder that offers them."""
    for encoding in heard.values():
        if SPACE in encoding.scores:
            return encoding.scores[SPACE]
    raise ValueError(f"none of {', '.join(heard) or 'no encoders'} hears the classes of {SPACE}")


def _position(label: str) -> int:
    return class_names().index(label)
