"""Sounds in files and cues that play them, for tests of the mix."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from storysound.cue.levels import Levels
from storysound.cue.mix import stems
from storysound.cue.score import Cue, Layer, Piece, Score
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.audio import Waveform, write_wav
from storysound.media.layouts import STEREO
from storysound.media.recording import Recording, of_wave
from storysound.story import Sound, Span

SPEECH = (Span(2.0, 4.0), Span(4.5, 6.0), Span(10.0, 12.0))


def noise(seconds: float, level: float, seed: int = 0, channels: int = 2) -> Samples:
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal((channels, round(seconds * RATE_HZ)))).astype(np.float32)


def talk(seconds: float, speech: Sequence[Span] = SPEECH, level: float = 0.05, seed: int = 1) -> Recording:
    """Noise bursts with a voice's modulation in the speech spans, near silence elsewhere."""
    samples = noise(seconds, 1e-4)
    for span in speech:
        a, b = round(span.start_s * RATE_HZ), round(span.end_s * RATE_HZ)
        syllables = np.abs(np.sin(2 * np.pi * 4 * np.arange(b - a) / RATE_HZ)).astype(np.float32)
        samples[:, a:b] += level * syllables * noise((b - a) / RATE_HZ, 1, seed, 1)
    return of_wave(Waveform(samples, RATE_HZ))


def sound(folder: Path, name: str, samples: Samples) -> Sound:
    """A sound [c n] in a file."""
    write_wav(folder / name, Waveform(samples, RATE_HZ))
    return Sound(name, str(folder), samples.shape[1] / RATE_HZ, "music")


def cue(
    cue_id: str,
    of: Sound,
    start_s: float,
    end_s: float,
    *,
    layer: Layer = "music",
    gain_db: float = 0.0,
    fades_s: tuple[float, float] = (0.05, 0.3),
    in_s: float = 0.0,
) -> Cue:
    pieces = (Piece(in_s, in_s + end_s - start_s, start_s),)
    return Cue(cue_id, layer, start_s, end_s, of, pieces, gain_db, *fades_s, 1.0)


def score_of(
    cues: Sequence[Cue],
    speech: Sequence[Span],
    levels: Levels,
    length: int,
    layout: tuple[str, ...] = STEREO,
) -> Score:
    """A score of `length` samples."""
    return Score("film", length / RATE_HZ, 25.0, (), tuple(cues), tuple(speech), levels=levels, layout=layout)


def mixed(
    original: Recording | None,
    cues: Sequence[Cue],
    levels: Levels,
    length: int,
    speech: Sequence[Span] = SPEECH,
    layout: tuple[str, ...] = STEREO,
) -> dict[str, Samples]:
    """Every stem, and their sum as "mix", [c n] each."""
    parts = list(stems(score_of(cues, speech, levels, length, layout), original))
    names = ("dialogue", "music", "ambience", "effects")
    whole = {name: np.concatenate([getattr(part, name) for part in parts], axis=1) for name in names}
    return {**whole, "mix": np.concatenate([part.sum for part in parts], axis=1)}
