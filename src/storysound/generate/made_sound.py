"""Sound by any maker: what it may be asked for, and the file that says how it was made."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from storysound.errors import UsageError
from storysound.generate.maker import Conditions, Maker
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform, resample
from storysound.media.film.enclosed import Enclosed
from storysound.media.film.sound_files import write_sound
from storysound.media.layouts import usual_layout
from storysound.media.recording import Recording, recorded

FAR = 0.5  # cosine to the nearest text that the shipped model learned from: below, it has never heard of it
_SPEECH = re.compile(
    r"\b(says?|saying|said|speaks?|speaking|speech|talks?|talking|narrat\w+|voice-?over|reads? aloud|recites?|dialogue|"
    r"whispers? (that|to)|announces? that)\b|[\"“”«»].*\w",
    re.IGNORECASE,
)
_SONG = re.compile(r"\b(songs?|sings?|singing|sung|lyrics|melody|music|soundtrack|anthem|album|remix|cover of)\b", re.I)
_BIRDS = re.compile(
    r"\b(birds?|birdsong|larks?|nightingales?|blackbirds?|robins?|whales?|crickets?)\b", re.I
)  # sing too


def check_asked(text: str) -> None:
    """Raises UsageError for words that ask for speech, music or a song, which a model of sounds can't make.

    >>> check_asked("a dog barks")
    """
    for pattern, what in ((_SPEECH, "speech"), (_SONG, "music or a song")):
        found = pattern.search(text)
        if found and not (pattern is _SONG and _BIRDS.search(text)):
            raise UsageError(
                f"{found[0][:40]!r} asks for {what}, which this model can't make: it makes sounds of animals, weather, "
                "fire, water, machines and things",
                field="text",
            )


def nearest_text(made_by: Maker, text: str) -> tuple[str, float]:
    """Of the texts that a model learned from the nearest, and how near it is; "" and 1 for one that doesn't tell."""
    tells = getattr(made_by, "nearest", None)
    return tells(text) if tells else ("", 1.0)


def write_made(
    wave: Waveform, conditions: Conditions, out: Path, name: str, licence: str, pictures: Sequence[str] = ()
) -> Recording:
    """Writes what a model made at 48 kHz, exactly as long as it was asked to be; tags say how it was made.

    `pictures`: what those of the conditions are called.
    """
    wave = _of_length(resample(wave, RATE_HZ), round(conditions.seconds * RATE_HZ))
    words = [f"the words: {conditions.text[:500]}"] if conditions.text.strip() else []
    shown = [f"pictures: {', '.join(pictures)[:500]}"] if pictures else []
    said = f"made by {name}, seed {conditions.seed}, from {'; '.join([*words, *shown])}"
    title = (conditions.text.strip() or "; ".join(shown))[:200]
    rights = {"copyright": f"licence of the model: {licence}"} if licence else {}
    sound = recorded([wave.samples], RATE_HZ, usual_layout(wave.channels))
    write_sound(sound, out, Enclosed({"title": title, "comment": said, "software": "Storysound", **rights}))
    return sound


def _of_length(wave: Waveform, length: int) -> Waveform:
    """Exactly `length` samples: resampling may give one more or less."""
    samples = wave.samples[:, :length]
    missing = length - samples.shape[1]
    if missing:
        samples = np.pad(samples, ((0, 0), (0, missing)))
    return Waveform(samples, wave.rate_hz)
