"""The mood of sounds that are no music: what the classes heard in them mean."""

from pathlib import Path

import numpy as np

from shipped_weights.ears.corpus import RATE_HZ, clips_of
from shipped_weights.ears.sources import held_out
from storysound.encode import mood
from storysound.encode.encoder import Encoder
from storysound.media.arrays import Floats
from storysound.media.audio import Waveform

LONGEST_S = 8.0  # what is longer may be music


def meanings(corpus: Path, ears: Encoder[Waveform], moods: Floats, count: int = 800, seed: int = 0) -> Floats:
    """What the classes heard mean in `count` short sounds of the corpus, drawn by chance: [count 2].

    `moods` [521 2]: of the words that name the classes.
    """
    barred = held_out()
    clips = [clip for clip in clips_of(corpus) if clip.source not in barred and clip.length < LONGEST_S * RATE_HZ]
    said = []
    for at in np.random.default_rng(seed).permutation(len(clips))[:count]:
        clip = clips[at]
        samples = np.load(corpus / "audio" / f"{clip.source}.npy", mmap_mode="r")[clip.start : clip.start + clip.length]
        wave = Waveform((np.asarray(samples, np.float32) / 32768)[None], RATE_HZ)
        heard = ears.encode([wave])[0].scores["audioset"].mean(axis=0)
        said.append(mood.effect_meaning(heard, moods))
    return np.stack(said)
