"""What is measured of a cue: how it stands beside the rest by octaves, where it lies, and what it is made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storysound.cue.duck import CHUNK, HOP
from storysound.media.arrays import RATE_HZ, Doubles, Floats, Samples

CENTRES_HZ = (63, 125, 250, 500, 1000, 2000, 4000, 8000)  # of octaves
# Noise of a quiet living room in those octaves, in dB SPL (the curve NC-25 of Beranek), where a programme of -23 LUFS
# plays at 66 dB SPL: what lies under it isn't heard, whatever else is silent.
_ROOM_DB = np.array([54.0, 44.0, 37.0, 31.0, 27.0, 24.0, 22.0, 21.0])
ROOM = 10 ** ((_ROOM_DB - 66.0 - 23.0) / 10)
REACH_S = 0.25  # sound is looked for so far from its place
_CHANCE = 1.5  # standard deviations of what two sounds have in common by chance are not counted as common
_SURE = 8.0  # standard deviations that a peak of the correlation stands out; by chance the highest of all has 4.2
_NEAR_PEAK = 0.97  # of the highest: peaks of a tone that are as good as it
_SMOOTH = 9  # bins over which the spectrum is averaged that correlation is whitened by
_LOWEST_HZ, _HIGHEST_HZ = 80.0, 8000.0  # of what is correlated

_HZ = np.fft.rfftfreq(CHUNK, 1 / RATE_HZ)
_WINDOW = np.hanning(CHUNK).astype(np.float32)
_EDGES = np.searchsorted(_HZ, [CENTRES_HZ[0] / 2**0.5, *(centre * 2**0.5 for centre in CENTRES_HZ)])
_FREE = 2 * np.diff(_EDGES) / 1.5  # numbers of each octave that don't depend on each other, under this window
_POWER = CHUNK * float(np.square(_WINDOW, dtype=np.float64).sum()) / 2  # of a spectrum per mean square of its sound

Spectrum = NDArray[np.complex64]


def spectrum(samples: Samples) -> Spectrum:
    """Of a chunk [c CHUNK] under a Hann window: [c f]."""
    return np.asarray(np.fft.rfft(samples * _WINDOW, axis=1))


def offset_s(stems: list[Spectrum], heard: list[Spectrum]) -> float | None:
    """How much later than its stems a sound lies in what is heard, within REACH_S; None where that isn't clear.

    Both hold the same chunks, [c f] each. The correlation is whitened by what is heard, so that its peak is sharp and
    its height counts standard deviations of chance; of peaks as high as the highest (a tone has one a period) the
    nearest is meant.
    """
    inside = (_HZ >= _LOWEST_HZ) & (_HZ <= _HIGHEST_HZ)
    cross, chance = np.zeros(len(_HZ), np.complex64), 0.0
    for stem, other in zip(stems, heard, strict=True):
        power = _smoothed(np.square(np.abs(other)))
        power += 1e-6 * float(power.max()) + 1e-9
        cross += np.where(inside, (np.conj(stem) * other / power).sum(axis=0), 0)
        chance += float((np.square(np.abs(stem)) / power)[:, inside].sum())
    if chance <= 0:
        return None
    lags = np.fft.irfft(cross, CHUNK) * (CHUNK / np.sqrt(2 * chance))
    reach = round(REACH_S * RATE_HZ)
    near = np.concatenate([lags[-reach:], lags[: reach + 1]])
    best = float(near.max())
    if best < _SURE:
        return None
    crest = (near[1:-1] >= near[:-2]) & (near[1:-1] >= near[2:]) & (near[1:-1] >= _NEAR_PEAK * best)
    high = np.flatnonzero(crest) + 1 - reach
    return float(high[np.argmin(np.abs(high))]) / RATE_HZ if len(high) else None


def _smoothed(power: Floats) -> Floats:
    """[c f], each bin the mean of the _SMOOTH around it."""
    padded = np.pad(power, ((0, 0), (_SMOOTH // 2, _SMOOTH // 2)), mode="symmetric")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, _SMOOTH, axis=1).mean(axis=2))


@dataclass(frozen=True)
class Standing:
    """A cue beside all the rest, in the octave of CENTRES_HZ where it stands out most, in dB."""

    found_db: float  # what of it is in the sound that is heard
    wanted_db: float  # its stem beside all that is heard


def standing(stem: Spectrum, heard: Spectrum, late_s: float) -> Standing:
    """How a stem [c f], so much later, stands in what is heard [c f].

    What the two have in common, surely, is the stem's share of what is heard.
    """
    turned = stem * np.exp(-2j * np.pi * _HZ * late_s).astype(np.complex64)
    own, both = _octaves(np.square(np.abs(stem))), _octaves(np.square(np.abs(heard)))
    common = _octaves((np.conj(turned) * heard).real)
    coherence = np.clip(common / np.sqrt(np.maximum(own * both, 1e-12)), 0.0, 1.0)
    coherence -= _CHANCE * (1.0 - np.square(coherence)) / np.sqrt(len(stem) * _FREE)
    share = np.square(np.maximum(coherence, 0.0)) * both
    room = ROOM * _POWER * len(stem)
    found = (share + 1e-6 * room) / (np.maximum(both - share, 0.0) + room)
    return Standing(_best_db(found), _best_db(own / (both + room)))


def _octaves(values: Floats) -> Doubles:
    """Sums of [c f] over channels and octaves: [o]."""
    return np.asarray(np.add.reduceat(values.sum(axis=0, dtype=np.float64), _EDGES)[:-1])


def _best_db(ratios: Doubles) -> float:
    """The highest of power ratios [n], dB."""
    return 10 * float(np.log10(np.maximum(ratios, 1e-12).max()))


# --- what a sound is made of, frame by frame

_FRAME_HZ = np.fft.rfftfreq(HOP, 1 / RATE_HZ)
_FRAME_EDGES = np.searchsorted(_FRAME_HZ, [centre * 2**0.5 for centre in (125, *CENTRES_HZ[2:])])
_FRAME_WINDOW = np.hanning(HOP).astype(np.float32)
_LINE_BINS = 2  # to both sides, over which a line of the spectrum spreads
SOUNDING_DB = 30.0  # frames fainter than this below the loudest aren't looked at
# Of noise each bin's power is distributed exponentially, whose geometric mean is exp(-0.577) = .56 of the mean. Of the
# frames of music at most a seventh come so near it, of recorded rain and wind nearly all.
_NOISE_FLATNESS, _NOISE_SHARE = 0.42, 0.8
_ONE_LINE, _LINE_SHARE, _SAME_LINE = 0.9, 0.95, 0.03
_SHORTEST = round(2.0 * RATE_HZ / HOP)  # frames; of less nobody says that it is but a tone, or noise


@dataclass(frozen=True)
class Frames:
    """A sound in frames of HOP samples, one after the other."""

    power: Floats  # [t]
    octaves: Floats  # from 250 Hz to 8 kHz, in dB: [t 6]
    line_hz: Floats  # the strongest line of each spectrum [t], and its share of the power [t]
    line_share: Floats
    flatness: Floats  # geometric by arithmetic mean of the power within each octave, averaged over them [t]

    @property
    def sounding(self) -> NDArray[np.bool_]:
        """Frames that are heard beside the loudest [t]."""
        return np.asarray(self.power > max(1e-10, float(self.power.max(initial=0.0)) * 10 ** (-SOUNDING_DB / 10)))

    @property
    def is_noise(self) -> bool:
        """Whether all octaves are as flat as noise nearly all the time."""
        flat = self.flatness[self.sounding]
        return len(flat) >= _SHORTEST and float((flat > _NOISE_FLATNESS).mean()) >= _NOISE_SHARE

    @property
    def is_one_tone(self) -> bool:
        """Whether one and the same line of the spectrum is all there is, nearly all the time."""
        hz, share = self.line_hz[self.sounding], self.line_share[self.sounding]
        if len(hz) < _SHORTEST:
            return False
        middle = float(np.median(hz))
        same = np.abs(hz - middle) <= max(_SAME_LINE * middle, RATE_HZ / HOP)
        return float(((share > _ONE_LINE) & same).mean()) >= _LINE_SHARE


def frames_of(samples: Samples) -> Frames:
    """Of [c n] with n a multiple of HOP."""
    mono = samples.mean(axis=0).reshape(-1, HOP)
    spectra = np.square(np.abs(np.fft.rfft(mono * _FRAME_WINDOW, axis=1)))
    total = spectra.sum(axis=1) + 1e-9
    top = spectra[:, _LINE_BINS:-_LINE_BINS].argmax(axis=1) + _LINE_BINS
    around = top[:, None] + np.arange(-_LINE_BINS, _LINE_BINS + 1)
    line = np.take_along_axis(spectra, around, axis=1).sum(axis=1)
    counts = np.diff(_FRAME_EDGES)
    means = np.add.reduceat(spectra, _FRAME_EDGES, axis=1)[:, :-1] / counts + 1e-12
    logs = np.add.reduceat(np.log(spectra + 1e-12), _FRAME_EDGES, axis=1)[:, :-1] / counts
    return Frames(
        np.asarray(np.square(mono).mean(axis=1), np.float32),
        np.asarray(10 * np.log10(means), np.float32),
        np.asarray(_FRAME_HZ[top], np.float32),
        np.asarray(line / total, np.float32),
        np.asarray((np.exp(logs) / means).mean(axis=1), np.float32),
    )


def joined(parts: list[Frames]) -> Frames:
    """Frames one after the other; at least one part."""
    names = ("power", "octaves", "line_hz", "line_share", "flatness")
    return Frames(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def likeness(octaves_db: Floats, frames: int) -> tuple[float, float]:
    """Whether a sound [t b] comes again after so many frames, and how much happens in it, in dB.

    The first is 1 where it is the same again and 0 where it is as unlike as any two moments of it. Levels are taken
    beside each other, as ducking moves all of them.
    """
    shape = octaves_db[:, 1:] - octaves_db[:, 1:].mean(axis=1, keepdims=True)  # the lowest is unsteady even in noise
    moves = octaves_db[:, 1:] - np.median(octaves_db[:, 1:], axis=0)
    contrast_db = float(np.median(moves.std(axis=0)))
    if not 0 < frames < len(shape):
        return 0.0, contrast_db
    again = float(np.abs(shape[frames:] - shape[:-frames]).mean())
    shifts = [max(1, round(frames * part)) for part in (0.29, 0.43, 0.61)]
    other = float(np.mean([np.abs(shape[shift:] - shape[:-shift]).mean() for shift in shifts]))
    return 1.0 - again / max(other, 1e-6), contrast_db
