"""What a clip already sounds like: where somebody speaks, whether music plays, and how to take that music out."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.ndimage

from storysound.annotate.families import audioset
from storysound.cue.fit import raised_cosine
from storysound.cue.mix import SILENCE_LUFS, bridged, loudest_db
from storysound.encode.encoder import Encoder
from storysound.media.audio import Waveform
from storysound.media.loudness import integrated_lufs
from storysound.story import Event, Span

log = logging.getLogger(__name__)

FindsSpeech = Callable[[Waveform], tuple[Span, ...]]
FindsMusic = Callable[[Waveform, Sequence[Span]], tuple[Span, ...]]
FindsEvents = Callable[[Waveform], tuple[Event, ...]]

WINDOW_S = 10.0  # judged at a time
SHORTEST_S = 1.0  # a rest of less than this is not judged
# The class that means music, and the mean score from which it plays; the first space that an encoder has is asked.
MUSIC_CLASS = {"audioset": ("Music", 0.35), "ucs79": ("MUSICAL", 0.15), "ucs78": ("MUSICAL", 0.15)}
SPOKEN_SHARE = 0.2  # of a window, from here on it is judged without its speech
MUSIC_SHARE = 0.4  # of the judged time; from here on a clip has music of its own
AUDIBLE_DB = -45.0  # the loudest 0.4 s of a shot below this is as good as silent
NEAR_S = 1.0  # so far before or after an effect, the same event in the clip makes it one too many
GATE_S = 0.25  # speech kept without its music opens and closes this softly


@dataclass(frozen=True)
class OwnSound:
    """The clip's own sound; `wave` is None where there is none or it is silent."""

    wave: Waveform | None
    speech: tuple[Span, ...] = ()
    music: tuple[Span, ...] = ()  # windows in which music plays
    duration_s: float = 0.0
    events: tuple[Event, ...] = ()  # what else is heard when

    def has(self, labels: Iterable[str], span: Span) -> bool:
        """Whether one of these classes, or a special or general case of it, is heard in the clip about then."""
        near = Span(max(0.0, span.start_s - NEAR_S), span.end_s + NEAR_S)
        there = {event.label for event in self.events if event.span.overlap_s(near) > 0}
        return any(audioset().akin(label, other) for label in labels for other in there)

    @property
    def music_share(self) -> float:
        """How much of the clip has music, in [0, 1]."""
        return sum(span.duration_s for span in self.music) / self.duration_s if self.duration_s else 0.0

    @property
    def has_music(self) -> bool:
        """Whether a music bed would fight with what is there."""
        return self.music_share >= MUSIC_SHARE


def listen(
    wave: Waveform | None, speech: FindsSpeech, music: FindsMusic, events: FindsEvents = lambda wave: ()
) -> OwnSound:
    """Finds speech, music and events in a clip's sound; silence needs no model."""
    if wave is None or integrated_lufs(wave) < SILENCE_LUFS:
        return OwnSound(None)
    spoken = speech(wave)
    return OwnSound(wave, spoken, music(wave, spoken), wave.duration_s, events(wave))


def music_spans(
    wave: Waveform,
    speech: Sequence[Span],
    ears: Mapping[str, Encoder[Waveform]],
    background: Callable[[Waveform], Waveform],
) -> tuple[Span, ...]:
    """Windows of ten seconds in which music plays; silent ones have none.

    Where somebody speaks the voice is taken out first (`background`), as it would hide soft music from the encoders.
    """
    count = max(1, round(wave.duration_s / WINDOW_S))
    edges = np.linspace(0.0, wave.duration_s, count + 1).tolist()
    windows = [Span(a, b) for a, b in pairwise(edges)]
    parts = [wave.cut(span.start_s, span.end_s).mono() for span in windows]
    for i, span in enumerate(windows):
        if sum(span.overlap_s(said) for said in speech) > SPOKEN_SHARE * span.duration_s:
            parts[i] = background(parts[i])
    heard = [i for i, p in enumerate(parts) if p.duration_s >= SHORTEST_S and integrated_lufs(p) > SILENCE_LUFS]
    space, ear = next(
        ((space, ear) for space in MUSIC_CLASS for ear in ears.values() if space in ear.labels), ("", None)
    )
    if ear is None:
        log.warning("no encoder of this profile can tell whether the clip already has music")
        return ()
    name, least = MUSIC_CLASS[space]
    place = ear.labels[space].index(name)
    said = ear.encode([parts[i] for i in heard]) if heard else []
    music = np.zeros(len(windows))
    music[heard] = [e.scores[space][:, place].mean() for e in said]
    sure = np.flatnonzero(music >= least)
    # A soft passage beside music is music: half the score does there.
    runs, _ = scipy.ndimage.label(music >= least / 2)
    playing = np.isin(runs, runs[sure]) & (runs > 0)
    return tuple(windows[i] for i in np.flatnonzero(playing))


def audible(wave: Waveform | None, units: Sequence[Span]) -> list[bool]:
    """Per unit whether the clip's own sound is heard there."""
    if wave is None:
        return [False] * len(units)
    return [loudest_db(wave.cut(u.start_s, u.end_s).samples, rate_hz=wave.rate_hz) > AUDIBLE_DB for u in units]


def without_music(own: OwnSound, background: Callable[[Waveform], Waveform]) -> Waveform | None:
    """The clip's sound with only the speech left where music plays, untouched elsewhere; None where nothing is left.

    `background` gives a sound without its speech.
    """
    if own.wave is None or not own.music:
        return own.wave
    wave = own.wave
    out = wave.samples.copy()
    for span in bridged(own.music, 1e-3):
        a, b = round(span.start_s * wave.rate_hz), min(round(span.end_s * wave.rate_hz), out.shape[1])
        part = Waveform(np.ascontiguousarray(wave.samples[:, a:b]), wave.rate_hz)
        voice = part.samples - background(part).samples
        out[:, a:b] = voice * _gate(own.speech, span.start_s, b - a, wave.rate_hz)
    return Waveform(out, wave.rate_hz) if np.abs(out).max(initial=0.0) > 0 else None


def _gate(speech: Sequence[Span], from_s: float, length: int, rate_hz: int) -> np.ndarray:
    """Gain [length], 1 while somebody speaks, 0 elsewhere: what the separator leaves between words is music."""
    gate = np.zeros(length, np.float32)
    edge = round(GATE_S * rate_hz)
    for span in bridged(speech, 2 * GATE_S):
        a, b = (round((t - from_s) * rate_hz) for t in (span.start_s - 0.05, span.end_s + 0.05))
        shape = np.concatenate([raised_cosine(edge), np.ones(max(0, b - a), np.float32), raised_cosine(edge)[::-1]])
        low, high = max(0, a - edge), min(length, a - edge + len(shape))
        if low < high:
            gate[low:high] = np.maximum(gate[low:high], shape[low - (a - edge) : high - (a - edge)])
    return gate
