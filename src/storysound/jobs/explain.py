"""Why a sound fits, to be looked at: how much each picture of a cue has in common with each moment of its sound.

Both are said in words by what recognises them, and the words meet in the text space (`encode.gloss`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storysound.config import Profile
from storysound.cue.mix import RATE_HZ
from storysound.encode import encoder, gloss
from storysound.encode.labels import LabelSpace, label_space
from storysound.encode.wording import in_words
from storysound.jobs.cutting import Laid
from storysound.jobs.footage import Footage
from storysound.jobs.scenes import Understanding
from storysound.media.audio import Waveform

LISTENED_S = 20.0  # of each cue, from its start
SHORTEST_S = 0.1  # shorter cues have no moments to tell apart
SPACES = ("audioset", "ucs78", "imagenet", "msd")  # the first one an encoder of the profile has, says what is heard

Attention = tuple[NDArray[np.float32], list[float], list[float]]


def attention(
    footage: Footage,
    understood: Understanding,
    laid: Sequence[Laid],
    profile: Profile,
    load: Callable[[str], encoder.Encoder[Any]],
    cache: Path,
) -> dict[str, Attention]:
    """Per cue id the affinity [frames steps] in [0, 1], the frames' story times, and the steps' times in the sound.

    `load` gives the encoders by name; `cache` is where the vectors of labels are kept. Cues under which no picture was
    looked at, and those of a few samples, have no map.
    """
    cues = {one.cue.id: one for one in laid if one.samples.shape[1] >= SHORTEST_S * RATE_HZ}
    if not cues:
        return {}
    ear, space_name = _listener(profile, load)
    reader = load(profile.text)
    labels = ear.labels[space_name]
    heard = label_space(space_name, labels, in_words(space_name, labels), reader, cache)
    listened = [Waveform(one.samples[:, : round(LISTENED_S * RATE_HZ)], RATE_HZ).mono() for one in cues.values()]
    maps: dict[str, Attention] = {}
    times = np.array(footage.times_s)
    for (cue_id, one), encoding in zip(cues.items(), ear.encode(listened), strict=True):
        under = np.flatnonzero((times >= one.cue.start_s) & (times < one.cue.end_s))
        if under.size:
            frames = _vectors(understood.classes[under], understood.seen)
            steps = _vectors(encoding.scores[space_name], heard)
            at = one.cue.pieces[0].in_s + encoding.step_s * np.arange(len(steps))
            maps[cue_id] = (np.clip(frames @ steps.T, 0, 1), times[under].tolist(), at.tolist())
    return maps


def _listener(profile: Profile, load: Callable[[str], encoder.Encoder[Any]]) -> tuple[encoder.Encoder[Waveform], str]:
    """The profile's encoder that says best what is heard, and the label space it says it in."""
    ears: list[encoder.Encoder[Waveform]] = [load(name) for name in profile.audio]
    for space in SPACES:
        for ear in ears:
            if space in ear.labels:
                return ear, space
    return ears[0], next(iter(ears[0].labels))


def _vectors(scores: NDArray[np.float32], space: LabelSpace) -> NDArray[np.float32]:
    """Rows of class scores [n c] as points of the text space [n d]."""
    return np.stack([gloss.vector(row, space) for row in scores])
