"""Beats and bars of music: which tempo, how many beats a bar, and where each bar begins, found together.

A bar is a pattern laid over what begins in the sound: downbeats have onsets, bass and a new chord, other beats onsets
and no new chord, halves of beats a few onsets. For each tempo and metre the likeliest row of bars is found by dynamic
programming, in which a bar may be a little longer or shorter than the one before; then the tempi are compared (the bar
pointer model of Whiteley, Cemgil & Godsill 2006 with features like those of Krebs, Böck & Widmer, "Rhythmic pattern
modeling for beat and downbeat tracking in musical audio", ISMIR 2013). Weights are of a logistic regression on made
music (`benchmarks.quality.beats_and_keys`), how tempi are compared was chosen there too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import scipy.ndimage

from storysound.media.arrays import Doubles, Ints
from storysound.media.audio import Waveform
from storysound.media.rhythm.activations import Activations, evidence_of
from storysound.media.rhythm.choice import USUAL_BPM, Curves, Row, likelihoods
from storysound.media.rhythm.onsets import (
    FRAMES_PER_S,
    Spectrogram,
    analysed,
    bass_onsets,
    chord_changes,
    chroma,
    onset_envelope,
    spectrum_levels,
    tonal_clarity_db,
    tone_onsets,
)
from storysound.media.rhythm.tempo import FASTEST_BPM, SLOWEST_BPM, autocorrelation, pulse_bpm
from storysound.progress import check

METRES = (3, 4)  # beats a bar; a bar of two is half a bar of four
_RATE_HZ = FRAMES_PER_S / 2  # of the evidence
_LEAST_S = 2.0  # of sound that can have a tempo
# What onsets, bass onsets, new tones and chord changes, in deviations, say for a place rather than for none, and a
# constant: logarithms of likelihoods, less than a third of them counted as neighbouring frames repeat each other.
_DOWNBEAT, _BEAT, _HALF = (0.45, 0.43, 0.23, 0.12, -1.0), (0.36, 0.33, 0.02, -0.28, -0.43), (0.26, 0, 0, 0, -0.105)
_SILENT_BEAT = -0.3  # a beat without an onset speaks against bars by no more
_BUSY = 0.5  # see `_Evidence.busy_cost`
_STEP, _STEP_COST = 0.02, 1.0  # by which bars differ in length, and the cost of one after another
_BAND, _BANDS_APART = 0.06, 0.05  # how far a row of bars strays from its tempo, and how far tempi are apart: logarithms
# Which tempi are looked at: a log-normal prior's width in octaves, that of bars of three, and by how much one is better
# if all onsets come again with the beat and its bars.
_WIDTH, _THREES, _REPEATED = 0.8, 0.8, 0.33
_MOST_ROWS = 8  # of a metre, from which one is chosen
_REPEATS = {3: (1, 3, 6, 9), 4: (1, 2, 4, 8)}  # beats
_LEAST_EVIDENCE = 0.2  # a second: of what doesn't pulse evenly but is tonal, as slow strings; noise has much, by chance
_TONAL_DB = 12.0  # clarity of tones from which a sound is tonal: noise has 5, made music of any ensemble 19 or more
_SNAP = 3  # frames of the onsets to either side of a beat in which it is looked for exactly
_SNAP_HEIGHT = 1.0  # deviations from which a rise is an onset; beats lie between the first and the last
_SNAP_TRUSTED, _SNAP_UNSTRUCK = 3.0, 0.075  # deviations from which it is trusted wholly; trust where there is none
_SNAP_AROUND, _SNAP_OFF, _SNAP_ROUNDS = 6, 0.5, 6  # beats to either side of one; frames from which one is off them
_LATE_S = 0.004  # by which onsets are found late: strokes of noise are 5 ms early, struck chords 9 ms late


@dataclass(frozen=True)
class Bars:
    """Beats and bar lines of a sound, ascending seconds [n] and [d]; `metre`: beats a bar."""

    bpm: float
    metre: int
    beats_s: Doubles
    downbeats_s: Doubles


def bars(sound: Waveform | Spectrogram, bpm: float | None = None, heard: Activations | None = None) -> Bars | None:
    """Beats and bars, or None where nothing pulses (steady, too short, or irregular sound).

    `bpm`: the tempo when it is known, in [40, 220]; then there are bars in anything but silence and very short sound.
    `heard`: where a network hears them in the same sound: rows of bars are looked for by that then.
    """
    spectrogram = analysed(sound)
    if spectrogram.duration_s < _LEAST_S or not onset_envelope(spectrogram).any():
        return None
    if bpm is not None:
        rows = _Rows(_evidence(spectrogram, heard))
        band = _best_near(bpm, rows.values())
        return _found(rows.path(band), int(_BANDS.metre[band]), spectrogram)
    able, curves = candidates(spectrogram, heard)
    if pulse_bpm(spectrogram) is None:
        by_onsets, _ = (able, curves) if heard is None else candidates(spectrogram)
        if not _is_slow_music(by_onsets, spectrogram):
            return None
    row = able[int(likelihoods(able, curves).argmax())]
    return _found(row.lines, row.metre, spectrogram)


def candidates(spectrogram: Spectrogram, heard: Activations | None = None) -> tuple[list[Row], Curves]:
    """The rows of bars from which `bars` chooses, and what it goes by."""
    evidence = _evidence(spectrogram, heard)
    rows = _Rows(evidence)
    return _likely(rows, rows.values()), _curves(evidence, spectrogram)


def _likely(rows: "_Rows", values: Doubles) -> list[Row]:
    """Of each metre the rows that are better by `values` [b] than those of the next tempi, the best first."""
    padded = np.pad(values.reshape(len(METRES), -1), ((0, 0), (1, 1)), constant_values=-np.inf)
    tops = ((padded[:, 1:-1] >= padded[:, :-2]) & (padded[:, 1:-1] >= padded[:, 2:])).ravel()
    found = []
    for metre in METRES:
        bands = np.flatnonzero(tops & (_BANDS.metre == metre))
        for band in bands[np.argsort(-values[bands], kind="stable")][:_MOST_ROWS].tolist():
            lines = rows.path(band)
            found.append(Row(metre, _bpm(np.diff(lines), metre), lines, float(rows.best[band]), float(values[band])))
    return found


def _curves(evidence: "_Evidence", spectrogram: Spectrogram) -> Curves:
    """What rows of bars are compared by."""
    levels = spectrum_levels(spectrogram.power)
    even = len(levels) // 2 * 2
    pitches = chroma(spectrogram)[:even:2]
    return Curves(evidence.begins, levels[:even].reshape(-1, 2, levels.shape[1]).mean(axis=1), pitches, _RATE_HZ)


def _best_near(bpm: float, values: Doubles) -> int:
    """The best by `values` [b] of the bands next to a tempo."""
    off = np.abs(np.log(_BANDS.bpm / bpm))
    return int(np.where(off <= max(_BANDS_APART, float(off.min())) + 1e-9, values, -np.inf).argmax())


def _is_slow_music(able: Sequence[Row], spectrogram: Spectrogram) -> bool:
    """Whether there are bars in a sound whose onsets are too soft to pulse; `able`: rows of bars by its onsets."""
    value = max(row.value for row in able)
    return value >= _LEAST_EVIDENCE * spectrogram.duration_s and tonal_clarity_db(spectrogram) >= _TONAL_DB


def tempo_bpm(sound: Waveform | Spectrogram) -> float | None:
    """Beats a minute, in [40, 220], or None where nothing pulses (steady, too short, or irregular sound)."""
    found = bars(sound)
    return None if found is None else found.bpm


def beat_times_s(sound: Waveform | Spectrogram, bpm: float | None = None) -> Doubles:
    """Times of the beats in seconds, ascending, [n]; empty where nothing pulses. `bpm`: the tempo when it is known."""
    found = bars(sound, bpm)
    return np.empty(0) if found is None else found.beats_s


def downbeats_s(sound: Waveform | Spectrogram, bpm: float | None = None) -> Doubles:
    """When bars begin, in seconds, ascending, [d]; empty where nothing pulses. `bpm`: the tempo when it is known."""
    found = bars(sound, bpm)
    return np.empty(0) if found is None else found.downbeats_s


# --- evidence


@dataclass(frozen=True, eq=False)
class _Evidence:
    """For a downbeat, another beat and a half of one around each frame, `places` [3 t] at _RATE_HZ.

    `begins` [4 t]: the onsets, those of the bass, new tones and chord changes that say it. `busy_cost`: of a beat
    in a bar whose halves of beats are as strong as its beats.
    """

    places: Doubles
    begins: Doubles
    busy_cost: float = _BUSY

    @property
    def onsets(self) -> Doubles:
        """All of them and once more those of the bass: [t]."""
        return np.asarray(self.begins[0] + self.begins[1])


def _evidence(spectrogram: Spectrogram, heard: Activations | None = None) -> _Evidence:
    struck = [
        np.log1p(np.maximum(scipy.ndimage.maximum_filter1d(_halved(curve).max(axis=1), 3), 0.0))
        for curve in (onset_envelope(spectrogram), bass_onsets(spectrogram))
    ]
    held = [
        np.clip(_halved(curve).mean(axis=1), -1.0, 4.0)
        for curve in (tone_onsets(spectrogram), chord_changes(spectrogram))
    ]
    begins = np.array([*struck, *held])
    if heard is not None:
        return _Evidence(evidence_of(heard, begins.shape[1], _RATE_HZ), begins, np.inf)
    said = np.array([_DOWNBEAT, _BEAT, _HALF]) @ np.concatenate([begins, np.ones((1, begins.shape[1]))])
    around = np.array([np.convolve(row, np.ones(3), "same") for row in said])
    around[1:] = np.maximum(around[1:], _SILENT_BEAT)
    return _Evidence(around, begins)


def _halved(curve: Doubles) -> Doubles:
    """A curve [t] in deviations from its mean, two frames a row: [t/2 2]; zeros for a steady one."""
    spread = float(curve.std())
    even = curve[: len(curve) // 2 * 2].reshape(-1, 2)
    return np.asarray((even - curve.mean()) / spread if spread > 1e-9 else np.zeros_like(even))


# --- all bars there may be


@dataclass(frozen=True, eq=False)
class _Bands:
    """Lengths of bars by tempo: each band [b] has a metre and a tempo, and bars [r] of lengths close to it.

    `metres`, `lengths` [k]: the different bars, in beats and frames; `kinds` [r]: which of them each is.
    """

    metre: Ints
    bpm: Doubles
    metres: Ints
    lengths: Ints
    kinds: Ints
    bands: Ints

    @cached_property
    def frames(self) -> Ints:
        """Of each bar [r]."""
        return self.lengths[self.kinds]

    @cached_property
    def steps(self) -> tuple[Ints, Doubles]:
        """The bars that may come before each, the next shorter, the same and the next longer, [3 r], and the costs."""
        at = np.arange(len(self.kinds))
        before = np.clip(at + np.array([[-1], [0], [1]]), 0, len(at) - 1)
        costs = np.where(self.bands[before] == self.bands, [[-_STEP_COST], [0.0], [-_STEP_COST]], -np.inf)
        return before, costs


def _all_bands() -> _Bands:
    tempi = np.exp(np.arange(np.log(SLOWEST_BPM), np.log(FASTEST_BPM) + 1e-9, _STEP))
    centres = np.exp(np.arange(np.log(SLOWEST_BPM), np.log(FASTEST_BPM) + 1e-9, _BANDS_APART))
    kinds = sorted({(m, round(m * 60 * _RATE_HZ / bpm)) for m in METRES for bpm in tempi})
    bands = [(m, centre) for m in METRES for centre in centres]
    rows = [
        (kind, band)
        for band, (metre, centre) in enumerate(bands)
        for kind, (m, frames) in enumerate(kinds)
        if m == metre and abs(np.log(m * 60 * _RATE_HZ / frames / centre)) <= _BAND
    ]
    metres, lengths = np.array(kinds).T
    return _Bands(np.array([m for m, _ in bands]), np.array([c for _, c in bands]), metres, lengths, *np.array(rows).T)


_BANDS = _all_bands()


# --- rows of bars


class _Rows:
    """The likeliest row of bars of each band; bars may begin before the sound and end after it."""

    def __init__(self, evidence: _Evidence) -> None:
        self._evidence = evidence
        self._count = evidence.places.shape[1]
        self._before = int(_BANDS.lengths.max())  # frames before the sound in which a bar may begin
        scores = _bar_scores(evidence.places, self._before, evidence.busy_cost)
        ends, self._parents = _best_ends(scores, self._before)
        self._over = ends[self._before + self._count :]  # what ends with the sound, or after it
        self.best = np.full(len(_BANDS.bpm), -np.inf)
        np.maximum.at(self.best, _BANDS.bands, self._over.max(axis=0))

    def values(self) -> Doubles:
        """How good the best row of each band is, compared with those of others: [b]."""
        prior = np.exp(-0.5 * (np.log2(_BANDS.bpm / USUAL_BPM) / _WIDTH) ** 2)
        factor = prior * np.where(_BANDS.metre == 3, _THREES, 1.0) * (1 + _REPEATED * self._repeats())
        return np.asarray(np.maximum(self.best, 0.0) * factor + np.minimum(self.best, 0.0))

    def _repeats(self) -> Doubles:
        """Share of the onsets that come again with the beat and the bars of each band: [b]."""
        again = autocorrelation(self._evidence.onsets) if self._evidence.onsets.any() else np.zeros(self._count)
        found = np.zeros(len(_BANDS.bpm))
        for band, (metre, bpm) in enumerate(zip(_BANDS.metre, _BANDS.bpm, strict=True)):
            lags = 60 * _RATE_HZ / bpm * np.array(_REPEATS[int(metre)])
            lags = lags[lags < 0.75 * self._count]  # with less overlap than a quarter, chance rules
            if len(lags):
                found[band] = max(0.0, float(np.interp(lags, np.arange(self._count), again).mean()))
        return found

    def path(self, band: int) -> Ints:
        """When the bars of a band's best row begin, and when the last one ends, in frames of the evidence: [d+1]."""
        own = np.flatnonzero(_BANDS.bands == band)
        over = self._over[:, own]
        late, at = (int(place) for place in np.unravel_index(int(over.argmax()), over.shape))
        row = int(own[at])
        before, _ = _BANDS.steps
        lines = [self._before + self._count + late]
        while row >= 0:
            lines.append(lines[-1] - int(_BANDS.frames[row]))
            parent = int(self._parents[lines[-1], row])
            row = int(before[parent, row]) if parent >= 0 else -1
        return np.array(lines[::-1]) - self._before


def _bar_scores(places: Doubles, before: int, busy_cost: float = _BUSY) -> Doubles:
    """What speaks for each kind of bar from each frame on, the first `before` of them before the sound: [t+before k].

    `places` [3 t] and `busy_cost` as in `_Evidence`.
    """
    count = places.shape[1] + before
    padded = np.pad(places, ((0, 0), (before, before)))
    found = np.zeros((len(_BANDS.lengths), count))
    for score, metre, frames in zip(found, _BANDS.metres.tolist(), _BANDS.lengths.tolist(), strict=True):
        halves, busy = np.zeros(count), np.full(count, -busy_cost * metre)
        for beat in range(metre):
            at, half = round(beat * frames / metre), round((beat + 0.5) * frames / metre)
            score += padded[min(beat, 1), at : at + count]
            halves += padded[2, half : half + count]
            busy += padded[1, half : half + count]
        score += np.maximum(halves, busy)
    return np.ascontiguousarray(found.T)


def _best_ends(scores: Doubles, before: int) -> tuple[Doubles, Ints]:
    """Of the bars [r]: the best sum of scores [n k] with which one ends at each frame, [n+l r], and its parent [n r].

    A parent is a number of a row of `_Bands.steps`, -1 where the row of bars begins: at the sound's start or before it,
    l being the longest bar's frames.
    """
    frames, (earlier, costs) = _BANDS.frames, _BANDS.steps
    at, start = np.arange(len(frames)), -np.log(frames)
    ends = np.full((len(scores) + int(frames.max()) + 1, len(frames)), -np.inf)
    parents = np.full((len(scores), len(frames)), -1, np.int64)
    for frame, score in enumerate(scores):
        if frame % 1024 == 0:
            check()
        ways = ends[frame][earlier] + costs
        parent = ways.argmax(axis=0)
        best = ways[parent, at]
        if frame <= before:
            fresh = (frames > before - frame) & (start > best)
            best, parent = np.where(fresh, start, best), np.where(fresh, -1, parent)
        parents[frame] = parent
        ends[frame + frames, at] = best + score[_BANDS.kinds]
    return ends, parents


# --- what was found


def _found(lines: Ints, metre: int, spectrogram: Spectrogram) -> Bars:
    """Beats of bars between lines [d+1], in frames of the evidence."""
    beats = np.concatenate([a + np.arange(metre) * (b - a) / metre for a, b in pairwise(lines)])
    first = np.tile(np.arange(metre) == 0, len(lines) - 1)
    envelope = onset_envelope(spectrogram)
    onsets = np.flatnonzero(envelope >= _SNAP_HEIGHT)
    inside = (beats * 2 >= max(0, onsets[0] - _SNAP)) & (beats * 2 < min(len(envelope), onsets[-1] + _SNAP + 1))
    times_s = np.maximum(0.0, _snapped(beats[inside] * 2, envelope) / FRAMES_PER_S - _LATE_S)
    return Bars(_bpm(np.diff(lines), metre), metre, times_s, times_s[first[inside]])


def _bpm(lengths: Ints, metre: int) -> float:
    """The tempo of most bars, of lengths [d]: the mean of those that are about as long as the middle one."""
    middle = float(np.median(lengths))
    usual = lengths[np.abs(lengths / middle - 1) <= 1.5 * _STEP]
    return float(np.clip(metre * 60 * _RATE_HZ / usual.mean(), SLOWEST_BPM, FASTEST_BPM))


def _snapped(frames: Doubles, envelope: Doubles) -> Doubles:
    """Frames of beats [n] where the onsets of an envelope [t] close to them say that they are, by their neighbours too.

    The strongest onset close to a beat may be another than that of the beat, above all with soft attacks: so each beat
    lies where a parabola through those around it has it (Cleveland 1979, "Robust locally weighted regression and
    smoothing scatterplots", with Huber's weights), which follows a tempo that drifts.
    """
    near = np.round(frames).astype(np.int64)[:, None] + np.arange(-_SNAP, _SNAP + 1)
    heights = envelope[np.clip(near, 0, len(envelope) - 1)]
    strongest = near[np.arange(len(near)), heights.argmax(axis=1)]
    struck = heights.max(axis=1) >= _SNAP_HEIGHT
    found = np.where(struck, strongest + _between(strongest, envelope), frames)
    trust = np.where(struck, np.minimum(heights.max(axis=1) / _SNAP_TRUSTED, 1.0), _SNAP_UNSTRUCK)
    return np.maximum.accumulate(_smooth(found, trust) if len(found) > _SNAP_AROUND else found)


def _smooth(values: Doubles, trust: Doubles) -> Doubles:
    """Values [n] on parabolas through _SNAP_AROUND to either side of each; `trust` [n] in [0, 1]."""
    near = np.arange(-_SNAP_AROUND, _SNAP_AROUND + 1)
    around = np.arange(len(values))[:, None] + near
    inside = (around >= 0) & (around < len(values))
    around = np.clip(around, 0, len(values) - 1)
    weights = trust[around] * inside * (1 - np.abs(near / (_SNAP_AROUND + 1)) ** 3) ** 3
    offsets, powers = values[around] - values[:, None], near[:, None] ** np.arange(3)
    firm = weights
    for _ in range(_SNAP_ROUNDS):
        normal = np.einsum("nk,ki,kj->nij", firm, powers, powers) + 1e-9 * np.eye(3)
        curves = np.linalg.solve(normal, np.einsum("nk,ki->ni", firm * offsets, powers)[..., None])
        off = np.abs(offsets - (powers @ curves)[..., 0])
        firm = weights / np.maximum(1.0, off / _SNAP_OFF)
    return np.asarray(values + curves[:, 0, 0])


def _between(frames: Ints, envelope: Doubles) -> Doubles:
    """By how much of a frame, in [-1/2, 1/2], a parabola through a top of an envelope [t] and its sides is off it."""
    at = np.clip(frames, 1, len(envelope) - 2)
    before, top, after = envelope[at - 1], envelope[at], envelope[at + 1]
    bend = before - 2 * top + after
    inside = (frames == at) & (bend < 0) & (top >= before) & (top >= after)
    return np.where(inside, 0.5 * (before - after) / np.where(inside, bend, 1.0), 0.0)
