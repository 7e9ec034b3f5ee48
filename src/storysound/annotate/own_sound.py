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
from storysound.annotate.hearing import Piece, cells, pieces
from storysound.annotate.sound import music_ear_among
from storysound.encode.encoder import Encoder
from storysound.media.arrays import Samples
from storysound.media.audio import Waveform
from storysound.media.layouts import folded
from storysound.media.levels import SILENCE_LUFS, bridged, loudest_db, raised_cosine
from storysound.media.loudness import recording_lufs
from storysound.media.recording import Recorder, Recording, recorded
from storysound.progress import unless_stopped
from storysound.story import Event, Span

log = logging.getLogger(__name__)

FindsSpeech = Callable[[Recording], tuple[Span, ...]]
FindsMusic = Callable[[Recording, Sequence[Span]], tuple[Span, ...]]
FindsEvents = Callable[[Recording], tuple[Event, ...]]
TakesSpeechOut = Callable[[Recording], Iterator[Samples]]  # in blocks [c n] that follow each other

AROUND_S, CELL_S = 12.0, 0.5  # levels and speech are judged over so long around each cell of that length
GOES_ON = 0.5  # part of that score that music keeps while it plays
SMOOTH_S = 2.4  # scores are means over this long
LEAST_S, PAUSE_S = 3.0, 4.0  # shorter music is a jingle or an error; shorter pauses belong to it
LEVEL, LIFT = 0.1, 100.0  # mean level at which sound is judged, and the most it is brought up: 40 dB
FAINTEST = 1e-3  # mean level below which it is silence: -60 dBFS
LEFT = 0.08  # of the level with the voice (-22 dB); where less is left without it, nobody hears music
SPOKEN_SHARE = 0.1  # of the time around; from here on it is judged without its speech
MUSIC_SHARE = 0.4  # of the clip; from here on it has music of its own
AUDIBLE_DB = -45.0  # the loudest 0.4 s of a shot below this is as good as silent
NEAR_S = 1.0  # so far before or after an effect, the same event in the clip makes it one too many
MASKED_LU = 15.0  # music softer than a bed by more than this isn't heard beside it
SHORTEST_MEASURED_S = 0.5  # of music, to know how loud it is
GATE_S = 0.25  # speech kept without its music opens and closes this softly


@dataclass(frozen=True)
class OwnSound:
    """The clip's own sound; `sound` is None where there is none or it is silent."""

    sound: Recording | None
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
        assert self.sound is not None
        times = [span.start_s]
        for said in self.speech:
            if said.overlap_s(span) > 0:
                times += [max(said.start_s, span.start_s), min(said.end_s, span.end_s)]
        free = [Span(a, b) for a, b in zip(times[::2], [*times[1::2], span.end_s], strict=True) if b - a > 0.1]
        if sum(part.duration_s for part in free) < SHORTEST_MEASURED_S:
            return np.inf
        return recording_lufs(self.sound, free)

    @property
    def music_share(self) -> float:
        """How much of the clip has music, in [0, 1]."""
        return sum(span.duration_s for span in self.music) / self.duration_s if self.duration_s else 0.0

    @property
    def has_music(self) -> bool:
        """Whether a music bed would fight with what is there."""
        return self.music_share >= MUSIC_SHARE


def listen(
    sound: Recording | None, speech: FindsSpeech, music: FindsMusic, events: FindsEvents = lambda sound: ()
) -> OwnSound:
    """Finds speech, music and events in a clip's sound; silence needs no model."""
    if sound is None or recording_lufs(sound) < SILENCE_LUFS:
        return OwnSound(None)
    spoken = speech(sound)
    return OwnSound(sound, spoken, music(sound, spoken), sound.duration_s, events(sound))


def music_spans(
    sound: Recording,
    speech: Sequence[Span],
    ears: Mapping[str, Encoder[Waveform]],
    background: TakesSpeechOut,
    at: Callable[[float], None] | None = None,
) -> tuple[Span, ...]:
    """Where music plays, also softly under speech.

    Where somebody speaks the voice is taken out first (`background`), and what is left is brought up to a usual level:
    else the encoders would hear only the voice. What is said of a moment depends on the seconds around it alone, so
    that the same footage gets the same answer in another film. `at` as in `hearing.pieces`.
    """
    ear = music_ear_among(ears)
    if ear is None:
        log.warning("no encoder of this profile can tell whether the clip already has music")
        return ()
    least, patch_s = ear.head.music_from, ear.encoder.traits.patch_s
    voiceless, gains = _voiceless(sound, speech, background)
    curve: list[NDArray[np.float32]] = []
    step_s = 0.0
    for piece in pieces(voiceless, at):
        part = _lifted(piece, gains)
        heard = ear.encoder.encode([part])[0]
        step_s = heard.step_s
        curve.append(piece.steps(cells(heard.scores[ear.space][:, ear.place, None], step_s, patch_s), step_s))
    scores = np.concatenate(curve)
    middles = ((np.arange(len(scores)) + 0.5) * step_s / CELL_S).astype(int)
    scores[gains[np.minimum(middles, len(gains) - 1)] == 0] = 0
    smooth = scipy.ndimage.uniform_filter1d(scores, max(1, round(SMOOTH_S / step_s)), axis=0)
    config = EventConfig(least, GOES_ON * least, min(LEAST_S, sound.duration_s / 2), PAUSE_S)
    found = events_of(smooth, ["music"], step_s, duration_s=sound.duration_s, config=config)
    return tuple(event.span for event in found)


def _voiceless(
    sound: Recording, speech: Sequence[Span], background: TakesSpeechOut
) -> tuple[Recording, NDArray[np.float32]]:
    """A sound in one channel, without the voice about where somebody speaks; and for each cell of it the gain that
    brings it to a usual level [cells], 0 in silence and where so little is left that it is what the voice left.
    """
    mono = recorded((folded(block, sound.layout, 1) for _, block in sound.blocks()), sound.rate_hz, ("?",))
    power = _powers(mono)
    spoken = _around(_share(speech, len(power))) > SPOKEN_SHARE
    if not spoken.any():
        return mono, _gains(_around(power))
    left = recorded(_without_speech(mono, spoken, background), mono.rate_hz, ("?",))
    before, after = _around(power), _around(_powers(left))
    return left, np.where(spoken & (after < LEFT**2 * before), np.float32(0), _gains(after))


def _gains(power: NDArray[np.float64]) -> NDArray[np.float32]:
    """From mean squares [cells] to gains [cells]."""
    lift = np.minimum(LEVEL / np.sqrt(np.maximum(power, FAINTEST**2)), LIFT)
    return np.where(power > FAINTEST**2, lift, 0).astype(np.float32)


def _powers(mono: Recording) -> NDArray[np.float64]:
    """Mean square of each cell begun: [cells]."""
    cell = round(CELL_S * mono.rate_hz)
    found = [
        np.add.reduceat(np.square(block[0], dtype=np.float64), np.arange(0, block.shape[1], cell))
        for _, block in mono.blocks()
    ]
    sizes = np.full(sum(map(len, found)), cell)
    sizes[-1] = mono.length - cell * (len(sizes) - 1)
    return np.asarray(np.concatenate(found) / sizes)


def _around(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means [cells] over `AROUND_S` around each cell, or what there is of it."""
    reach = round(AROUND_S / CELL_S / 2)
    total = np.concatenate([[0.0], np.cumsum(values)])
    low, high = (np.clip(np.arange(len(values)) + shift, 0, len(values)) for shift in (-reach, reach + 1))
    return np.asarray((total[high] - total[low]) / (high - low))


def _share(speech: Sequence[Span], count: int) -> NDArray[np.float64]:
    """How much of each of `count` cells is spoken, in [0, 1]."""
    edges = np.arange(count + 1) * CELL_S
    times, spoken_s = [0.0], [0.0]
    for span in bridged(speech, 1e-3):
        times += [span.start_s, span.end_s]
        spoken_s += [spoken_s[-1], spoken_s[-1] + span.duration_s]
    return np.asarray(np.diff(np.interp(edges, times, spoken_s)) / CELL_S)


def _without_speech(mono: Recording, spoken: NDArray[np.bool_], background: TakesSpeechOut) -> Iterator[Samples]:
    """A sound in blocks [1 n], without the voice in the cells [cells] about which somebody speaks."""
    cell = round(CELL_S * mono.rate_hz)
    edges = [0, *(np.flatnonzero(np.diff(spoken)) + 1).tolist(), len(spoken)]
    for a, b in pairwise(edges):
        part = mono.part(a * cell, b * cell)
        yield from background(part) if spoken[a] else (block for _, block in part.blocks())


def _lifted(piece: Piece, gains: NDArray[np.float32]) -> Waveform:
    """A piece at a usual level; silence as zeros."""
    wave = piece.wave
    times_s = piece.from_s + np.arange(wave.samples.shape[1]) / wave.rate_hz
    gain = np.interp(times_s, (np.arange(len(gains)) + 0.5) * CELL_S, gains).astype(np.float32)
    return Waveform(np.clip(wave.samples * gain, -1, 1), wave.rate_hz)


def audible(sound: Recording | None, units: Sequence[Span]) -> list[bool]:
    """Per unit whether the clip's own sound is heard there."""
    if sound is None:
        return [False] * len(units)
    parts = (sound.cut(unit.start_s, unit.end_s).samples for unit in unless_stopped(units))
    return [loudest_db(samples, sound.rate_hz) > AUDIBLE_DB for samples in parts]


def without_music(own: OwnSound, background: TakesSpeechOut) -> Recording | None:
    """The clip's sound with only the speech left where music plays, untouched elsewhere; None where nothing is left.

    `background` gives a sound without its speech.
    """
    if own.sound is None or not own.music:
        return own.sound
    loudest = 0.0
    recorder = Recorder(own.sound.rate_hz, own.sound.layout)
    for block in _without_music(own.sound, own, background):
        loudest = max(loudest, float(np.abs(block).max(initial=0.0)))
        recorder.append(block)
    return recorder.finish() if loudest > 0 else None


def _without_music(sound: Recording, own: OwnSound, background: TakesSpeechOut) -> Iterator[Samples]:
    """Blocks [c n] of a sound with only the speech left where music plays."""
    at = 0
    for span in bridged(own.music, 1e-3):
        start, end = (min(round(time_s * sound.rate_hz), sound.length) for time_s in (span.start_s, span.end_s))
        yield from (block for _, block in sound.part(at, start).blocks())
        at = start
        for rest in background(sound.part(start, end)):
            until = at + rest.shape[1]
            gate = _gate(own.speech, at / sound.rate_hz, until - at, sound.rate_hz)
            yield (sound.read(at, until) - rest) * gate
            at = until
    yield from (block for _, block in sound.part(at, sound.length).blocks())


def _gate(speech: Sequence[Span], from_s: float, length: int, rate_hz: int) -> np.ndarray:
    """Gain [length], 1 while somebody speaks, 0 elsewhere: what the separator leaves between words is music."""
    gate = np.zeros(length, np.float32)
    edge = round(GATE_S * rate_hz)
    until_s = from_s + length / rate_hz
    near = [span for span in speech if span.end_s > from_s - 1 and span.start_s < until_s + 1]
    for span in bridged(near, 2 * GATE_S):
        a, b = (round((t - from_s) * rate_hz) for t in (span.start_s - 0.05, span.end_s + 0.05))
        shape = np.concatenate([raised_cosine(edge), np.ones(max(0, b - a), np.float32), raised_cosine(edge)[::-1]])
        low, high = max(0, a - edge), min(length, a - edge + len(shape))
        if low < high:
            gate[low:high] = np.maximum(gate[low:high], shape[low - (a - edge) : high - (a - edge)])
    return gate
