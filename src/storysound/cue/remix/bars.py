"""A track from beat to beat: where its beats and bars are, and what is heard at each of them."""

from dataclasses import dataclass

import numpy as np

from storysound.media import rhythm, tonality
from storysound.media.arrays import Doubles, Floats, Ints, Reals
from storysound.media.audio import Waveform
from storysound.media.spectrogram import LogMel, mel

GRID_S = 0.5  # of places in music without beats
LEAST_BEATS = 16
_STEADY = 0.8  # share of steps that must be as long as those around them
_UNEVEN = 0.12  # by which a step may differ from those and is still even
_AROUND = 9  # steps that say how long one should be
_MEL = LogMel(rhythm.RATE_HZ, rhythm.STFT, n_mels=40, f_min=30.0, f_max=10_000.0, norm="sum")
_FLOOR_DB = 70.0  # below the loudest band of a track all is silence
_NEAR_S, _GAP_S = 0.14, 0.026  # how long is looked at right before a beat and from it on; an attack begins before it
_CHROMA_PER_S = tonality.RATE_HZ / tonality.STFT.hop_length
_STRUCK = 1.5  # standard deviations of the onsets; what rises by less begins nothing


@dataclass(frozen=True)
class Bars:
    """The n beats of a track and what is heard from each to the next; levels in dB, 40 bands from 30 Hz to 10 kHz."""

    times_s: Doubles  # [n], ascending
    first_s: float  # where the track becomes audible
    last_s: float  # after this it is silent
    struck_s: float  # when the last tone begins
    pulses: bool  # else the beats are a plain grid, and `meter` is 1
    meter: int  # beats of a bar
    phase: int  # number of the first beat that begins a bar
    timbre: Floats  # mean levels in the bands over either half of the beat [n 80]
    chroma: Floats  # strength of the pitch classes, unit length or 0 [n 12]
    level_db: Doubles  # [n]
    before: Floats  # levels in the bands right before the beat [n 40]
    after: Floats  # and from it on [n 40]

    @property
    def count(self) -> int:
        """How many beats."""
        return len(self.times_s)

    @property
    def beat_s(self) -> float:
        """The usual length of a beat."""
        return float(np.median(np.diff(self.times_s)))

    @property
    def downbeats(self) -> Ints:
        """Numbers of the beats that begin bars, [b]."""
        return np.arange(self.phase, self.count, self.meter)


def bars_of(wave: Waveform, first_s: float, last_s: float, tracker: rhythm.Tracker = rhythm.bars) -> Bars | None:
    """The beats of a track that sounds in [first_s, last_s); None where there is too little of it for bars.

    Music whose beats can't be found, or are uneven, gets places every GRID_S instead.
    """
    spectrogram = rhythm.analyse(wave)
    found = tracker(spectrogram)
    times_s = np.empty(0) if found is None else found.beats_s
    times_s = times_s[(times_s >= first_s) & (times_s < last_s)]
    struck_s = _struck_s(spectrogram, first_s, last_s)
    meter, phase = 1, 0
    pulses = found is not None and is_even(times_s)
    if found is not None and pulses:
        times_s = _on(times_s, first_s, struck_s)
        meter, phase = found.metre, _phase(times_s, found)
    else:
        times_s = np.arange(first_s + GRID_S, last_s - GRID_S / 2, GRID_S)
    if len(times_s) < LEAST_BEATS:
        return None
    return _heard(wave, spectrogram, times_s, (first_s, struck_s, last_s), pulses, meter, phase)


def _phase(times_s: Doubles, found: rhythm.Bars) -> int:
    """Number of the first beat [n] that begins a bar: as most of the bars that were found say."""
    nearest = np.abs(times_s[:, None] - found.downbeats_s[None]).argmin(axis=0)
    return int(np.bincount(nearest % found.metre, minlength=found.metre).argmax())


def _struck_s(spectrogram: rhythm.Spectrogram, first_s: float, last_s: float) -> float:
    """When the last tone begins."""
    struck = np.flatnonzero(spectrogram.onset_envelope[: round(last_s * rhythm.FRAMES_PER_S)] > _STRUCK)
    return max(first_s, float(struck[-1]) / rhythm.FRAMES_PER_S) if len(struck) else first_s


def _on(times_s: Doubles, first_s: float, struck_s: float) -> Doubles:
    """Beats [n] and those that go on before and after them: trackers leave out soft beginnings and endings."""
    before_s, after_s = (float(np.median(np.diff(part))) for part in (times_s[:_AROUND], times_s[-_AROUND:]))
    before = np.arange(times_s[0] - before_s, first_s, -before_s)[::-1]
    after = np.arange(times_s[-1] + after_s, struck_s + _GAP_S, after_s)
    return np.concatenate([before, times_s, after])


def is_even(times_s: Doubles) -> bool:
    """Whether beats [n] go on evenly enough to count bars by them; the tempo may drift."""
    steps = np.diff(times_s)
    if len(steps) < LEAST_BEATS - 1:
        return False
    around = np.lib.stride_tricks.sliding_window_view(np.pad(steps, _AROUND // 2, mode="edge"), _AROUND)
    usual = np.median(around, axis=1)
    return bool(np.mean(np.abs(steps / usual - 1) < _UNEVEN) >= _STEADY)


def _heard(
    wave: Waveform,
    spectrogram: rhythm.Spectrogram,
    times_s: Doubles,
    edges_s: tuple[float, float, float],
    pulses: bool,
    meter: int,
    phase: int,
) -> Bars:
    """What is heard at beats [n]; the edges are where the track begins, where its last tone does, and where it ends."""
    first_s, struck_s, last_s = edges_s
    energies = mel(spectrogram.power, _MEL)
    top = max(float(energies.max(initial=0.0)), 1e-12)
    levels = 10 * np.log10(np.maximum(energies, top * 10 ** (-_FLOOR_DB / 10)))
    ends_s = np.append(times_s[1:], min(last_s, times_s[-1] + np.median(np.diff(times_s))))
    middles_s = (times_s + ends_s) / 2
    per_s = rhythm.FRAMES_PER_S
    halves = [_means(levels, a, b, per_s) for a, b in ((times_s, middles_s), (middles_s, ends_s))]
    loud = _means(energies.sum(axis=1, keepdims=True), times_s, ends_s, per_s)[:, 0]
    chroma = _means(tonality.chroma(wave), times_s, ends_s, _CHROMA_PER_S)
    chroma /= np.maximum(np.linalg.norm(chroma, axis=1, keepdims=True), 1e-9)
    timbre = np.concatenate(halves, axis=1)
    level_db = 10 * np.log10(np.maximum(loud, top * 1e-7))
    before = _means(levels, times_s - _GAP_S - _NEAR_S, times_s - _GAP_S, per_s)
    after = _means(levels, times_s - _GAP_S, times_s - _GAP_S + _NEAR_S, per_s)
    looks = [np.asarray(part, np.float32) for part in (timbre, chroma, before, after)]
    return Bars(
        times_s, first_s, last_s, struck_s, pulses, meter, phase, looks[0], looks[1], level_db, looks[2], looks[3]
    )


def _means(frames: Reals, starts_s: Doubles, ends_s: Doubles, per_s: float) -> Doubles:
    """Means of frames [t d], centred `per_s` a second, over the stretches from starts to ends [n]: [n d]."""
    sums = np.concatenate([np.zeros((1, frames.shape[1])), np.cumsum(frames, axis=0, dtype=np.float64)])

    def up_to(times_s: Doubles) -> Doubles:
        places = np.clip(times_s * per_s + 0.5, 0, len(frames))
        whole = np.minimum(places.astype(int), len(frames) - 1)
        return np.asarray(sums[whole] + (places - whole)[:, None] * (sums[whole + 1] - sums[whole]))

    lengths = np.clip(ends_s * per_s + 0.5, 0, len(frames)) - np.clip(starts_s * per_s + 0.5, 0, len(frames))
    found = (up_to(ends_s) - up_to(starts_s)) / np.maximum(lengths, 1e-9)[:, None]
    nearest = np.clip(np.round(starts_s * per_s).astype(int), 0, len(frames) - 1)
    return np.asarray(np.where(lengths[:, None] > 1e-6, found, frames[nearest]))
