"""What a clip already sounds like: where somebody speaks, whether music plays, and how to take that music out."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from storysound.annotate.events import EventConfig, events_of
from storysound.annotate.families import audioset
from storysound.annotate.hearing import cells
from storysound.annotate.sound import music_ear_among
from storysound.encode.encoder import Encoder, ticks
from storysound.media.audio import Waveform
from storysound.media.levels import SILENCE_LUFS, bridged, loudest_db, raised_cosine
from storysound.media.loudness import integrated_lufs
from storysound.story import Event, Span

log = logging.getLogger(__name__)

FindsSpeech = Callable[[Waveform], tuple[Span, ...]]
FindsMusic = Callable[[Waveform, Sequence[Span]], tuple[Span, ...]]
FindsEvents = Callable[[Waveform], tuple[Event, ...]]

WINDOW_S, CONTEXT_S = 10.0, 1.0  # judged at a time, and heard around it
GOES_ON = 0.5  # part of that score that music keeps while it plays
SMOOTH_S = 2.4  # scores are means over this long
LEAST_S, PAUSE_S = 3.0, 4.0  # shorter music is a jingle or an error; shorter pauses belong to it
LEVEL, LIFT = 0.1, 100.0  # mean level at which windows are judged, and the most they are brought up: 40 dB
LEFT = 0.08  # of the level of a window with its voice (-22 dB); where less is left without it, nobody hears music
SPOKEN_SHARE = 0.1  # of a window, from here on it is judged without its speech
MUSIC_SHARE = 0.4  # of the clip; from here on it has music of its own
AUDIBLE_DB = -45.0  # the loudest 0.4 s of a shot below this is as good as silent
NEAR_S = 1.0  # so far before or after an effect, the same event in the clip makes it one too many
MASKED_LU = 15.0  # music softer than a bed by more than this isn't heard beside it
SHORTEST_MEASURED_S = 0.5  # of music, to know how loud it is
GATE_S = 0.25  # speech kept without its music opens and closes this softly


@dataclass(frozen=True)
class OwnSound:
    """The clip's own sound; `wave` is None where there is none or it is silent."""

    wave: Waveform | None
    speech: tuple[Span, ...] = ()
    music: tuple[Span, ...] = ()  # where music plays
    duration_s: float = 0.0
    events: tuple[Event, ...] = ()  # what else is heard when

    def has(self, labels: Iterable[str], span: Span) -> bool:
        """Whether one of these classes, or a special or general case of it, is heard in the clip about then."""
        near = Span(max(0.0, span.start_s - NEAR_S), span.end_s + NEAR_S)
        there = {event.label for event in self.events if event.span.overlap_s(near) > 0}
        return any(audioset().akin(label, other) for label in labels for other in there)

    def fights_with(self, bed_lufs: float) -> tuple[Span, ...]:
        """Where its music would be heard beside a bed of this loudness; all of it where it is always spoken over."""
        return tuple(span for span in self.music if self._music_lufs(span) > bed_lufs - MASKED_LU)

    def _music_lufs(self, span: Span) -> float:
        """Loudness of music in a stretch, outside speech; inf where there is too little outside."""
        assert self.wave is not None
        times = [span.start_s]
        for said in self.speech:
            if said.overlap_s(span) > 0:
                times += [max(said.start_s, span.start_s), min(said.end_s, span.end_s)]
        free = [(a, b) for a, b in zip(times[::2], [*times[1::2], span.end_s], strict=True) if b - a > 0.1]
        parts = [self.wave.cut(a, b).samples for a, b in free]
        if sum(b - a for a, b in free) < SHORTEST_MEASURED_S:
            return np.inf
        return integrated_lufs(Waveform(np.concatenate(parts, axis=1), self.wave.rate_hz))

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
    """Where music plays, also softly under speech.

    Where somebody speaks the voice is taken out first (`background`), and what is left is brought up to a usual level:
    else the encoders would hear only the voice.
    """
    ear = music_ear_among(ears)
    if ear is None:
        log.warning("no encoder of this profile can tell whether the clip already has music")
        return ()
    least, patch_s = ear.head.music_from, ear.encoder.traits.patch_s
    voiceless = _without_speech(wave.mono(), speech, background)
    curve: list[NDArray[np.float32]] = []
    step_s = 0.0
    for span, from_s, part in _windows(voiceless):
        heard = ear.encoder.encode([part])[0]
        step_s = heard.step_s
        scores = cells(heard.scores[ear.space][:, ear.place, None], step_s, patch_s)
        curve.append(part.samples.any() * scores[ticks(len(scores), step_s, from_s, span.start_s, span.end_s)])
    smooth = scipy.ndimage.uniform_filter1d(np.concatenate(curve), max(1, round(SMOOTH_S / step_s)), axis=0)
    config = EventConfig(least, GOES_ON * least, min(LEAST_S, wave.duration_s / 2), PAUSE_S)
    found = events_of(smooth, ["music"], step_s, duration_s=wave.duration_s, config=config)
    return tuple(event.span for event in found)


def _without_speech(mono: Waveform, speech: Sequence[Span], background: Callable[[Waveform], Waveform]) -> Waveform:
    """A sound without the voice in the stretches where somebody speaks; what is hardly left is what the voice left."""
    out = mono.samples.copy()
    spoken = [span for span in _edges(mono) if sum(span.overlap_s(s) for s in speech) > SPOKEN_SHARE * span.duration_s]
    for run in bridged(spoken, 1e-3):
        a, b = round(run.start_s * mono.rate_hz), min(round(run.end_s * mono.rate_hz), out.shape[1])
        out[:, a:b] = background(Waveform(np.ascontiguousarray(mono.samples[:, a:b]), mono.rate_hz)).samples
    for span in spoken:
        a, b = round(span.start_s * mono.rate_hz), round(span.end_s * mono.rate_hz)
        if _level(out[:, a:b]) < LEFT * _level(mono.samples[:, a:b]):
            out[:, a:b] = 0
    return Waveform(out, mono.rate_hz)


def _level(samples: NDArray[np.float32]) -> float:
    """Root mean square of samples [c n]."""
    return float(np.sqrt(np.mean(samples**2, dtype=np.float64))) if samples.size else 0.0


def _edges(wave: Waveform) -> list[Span]:
    """Windows of ten seconds or so that cover a sound."""
    edges = np.linspace(0.0, wave.duration_s, max(1, round(wave.duration_s / WINDOW_S)) + 1).tolist()
    return [Span(a, b) for a, b in pairwise(edges)]


def _windows(mono: Waveform) -> Iterator[tuple[Span, float, Waveform]]:
    """Each window, where what is heard of and around it begins, and that at a usual level; silence as zeros."""
    for span in _edges(mono):
        from_s = max(0.0, span.start_s - CONTEXT_S)
        part = mono.cut(from_s, span.end_s + CONTEXT_S)
        lift = min(LEVEL / max(_level(part.samples), 1e-9), LIFT)
        gain = np.float32(lift if integrated_lufs(part) > SILENCE_LUFS else 0.0)
        yield span, from_s, Waveform(np.clip(part.samples * gain, -1, 1), mono.rate_hz)


def audible(wave: Waveform | None, units: Sequence[Span]) -> list[bool]:
    """Per unit whether the clip's own sound is heard there."""
    if wave is None:
        return [False] * len(units)
    return [loudest_db(wave.cut(u.start_s, u.end_s).samples, wave.rate_hz) > AUDIBLE_DB for u in units]


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
