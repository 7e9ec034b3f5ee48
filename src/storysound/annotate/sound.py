"""What a sound is, and how it feels, judged from what the encoders heard in it.

The classes heard are words, and words have a mood (`encode/mood.py`). For music, AudioSet's classes of feeling
("Happy music", "Scary music" …) speak alone, and a quick pulse adds to arousal.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from storysound.encode import gloss
from storysound.encode.ears import class_names
from storysound.encode.encoder import Encoding
from storysound.encode.mood import class_moods
from storysound.story import Kind, Mood

SPACE = "audioset"  # one of the encoders has to offer its scores
MUSIC_SHARE = 0.4  # mean probability of the class "Music" from which a sound is music
SHORTEST_MUSIC_S = 6.0  # a shorter one is a sting: an effect, whatever it is made of
FEELINGS = tuple(f"{word} music" for word in ("Happy", "Sad", "Tender", "Exciting", "Angry", "Scary"))
MODERATE_BPM = 100.0
# Feelings heard in music differ little from track to track: mean and deviation over the starter library, (V, A).
FEELING_MEAN, FEELING_DEVIATION = np.array([0.68, 0.46]), np.array([0.047, 0.025])
PULSE_WEIGHT = 1.0  # deviations of arousal per doubling of the tempo


def kind(duration_s: float, heard: Mapping[str, Encoding]) -> Kind:
    """Music or effect, of a sound of this length; `heard`: what each encoder said of all of it."""
    music = float(_heard(heard).mean(axis=0)[_position("Music")])
    return "music" if duration_s >= SHORTEST_MUSIC_S and music >= MUSIC_SHARE else "sfx"


def mood(kind: Kind, heard: Mapping[str, Encoding], tempo_bpm: float | None = None) -> Mood:
    """Valence and arousal of a sound of this kind."""
    scores = _heard(heard).mean(axis=0)
    if kind == "sfx":
        valence, arousal = gloss.strongest(scores, 5) @ class_moods() if scores.any() else (0.5, 0.5)
        return Mood(float(valence), float(arousal))
    felt = [_position(name) for name in FEELINGS]
    share = scores[felt] / max(float(scores[felt].sum()), 1e-9)
    spread = (share @ class_moods()[felt] - FEELING_MEAN) / FEELING_DEVIATION
    if tempo_bpm:
        spread[1] += PULSE_WEIGHT * np.log2(tempo_bpm / MODERATE_BPM)
    valence, arousal = 1 / (1 + np.exp(-spread))
    return Mood(float(valence), float(arousal))


def _heard(heard: Mapping[str, Encoding]) -> NDArray[np.float32]:
    """Class probabilities over time [t 521] from the encoder that offers them."""
    for encoding in heard.values():
        if SPACE in encoding.scores:
            return encoding.scores[SPACE]
    raise ValueError(f"none of {', '.join(heard) or 'no encoders'} hears the classes of {SPACE}")


def _position(label: str) -> int:
    return class_names().index(label)
