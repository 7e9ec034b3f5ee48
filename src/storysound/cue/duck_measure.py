"""What ducking does, measured: how the bed moves, and how far speech stands above it, band by band."""

from collections.abc import Mapping, Sequence

import numpy as np

from storysound.cue.duck import CHUNK, HOP, DuckCurve
from storysound.cue.levels import Levels
from storysound.cue.score import BandLevel, DuckingFacts
from storysound.media.arrays import RATE_HZ, Doubles, Samples
from storysound.story import Span

BANDS_HZ: Mapping[str, tuple[float, float]] = {
    "below 300 Hz": (20.0, 300.0),
    "300 Hz to 1 kHz": (300.0, 1000.0),
    "1 to 3 kHz": (1000.0, 3000.0),
    "3 to 8 kHz": (3000.0, 8000.0),
}
SWING_DB = 6.0  # the bed opens and closes again by more than this


class DuckMeter:
    """Measures ducking chunk by chunk."""

    def __init__(self, speech: Sequence[Span], levels: Levels) -> None:
        self._curve, self._duck_db = DuckCurve(speech, levels), levels.duck_db
        spans = sorted(speech, key=lambda span: span.start_s)
        self._starts = np.array([span.start_s for span in spans])
        self._ends = np.maximum.accumulate([span.end_s for span in spans]) if spans else np.empty(0)
        self._hops = 0
        self._power = np.zeros((3, len(BANDS_HZ)))  # of voice, bed before, bed after, while someone speaks
        self._broad = np.zeros(2)  # of the bed before and after there

    def add(self, chunk: int, voice: Samples | None, dry: Samples, ducked: Samples) -> None:
        """The next chunk: the voice [1 CHUNK], the bed without ducking [2 CHUNK], and with."""
        before, after = (np.square(x.reshape(2, -1, HOP), dtype=np.float64).mean(axis=(0, 2)) for x in (dry, ducked))
        self._hops += len(before)
        at_s = (chunk * CHUNK + (np.arange(CHUNK // HOP) + 0.5) * HOP) / RATE_HZ
        spoken = self._spoken(at_s)
        if spoken.any() and voice is not None:
            self._broad += before[spoken].sum(), after[spoken].sum()
            self._power += [_band_powers(x, spoken) for x in (voice, dry, ducked)]

    def _spoken(self, times_s: Doubles) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether someone speaks at each of the times [t]."""
        last = np.searchsorted(self._starts, times_s, side="right") - 1
        return np.asarray((last >= 0) & (times_s < np.append(self._ends, -1.0)[last]))

    def facts(self) -> DuckingFacts:
        """Of all that came."""
        if not self._broad.all():
            return DuckingFacts()
        step_s = HOP / RATE_HZ
        moves = -self._duck_db * self._curve.amount(
            np.arange(self._hops, dtype=np.float64) * step_s
        )  # a dip moves as the music does
        rise, fall = slopes_db_per_s(moves, step_s)
        voice, before, after = 10 * np.log10(self._power + 1e-15)
        bands = tuple(
            BandLevel(name, float(v - b), float(v - a))
            for name, v, b, a in zip(BANDS_HZ, voice, before, after, strict=True)
        )
        minutes = len(moves) * step_s / 60
        ducking_db = 10 * float(np.log10(self._broad[0] / self._broad[1]))
        return DuckingFacts(ducking_db, swings(moves) / minutes, rise, fall, bands)


def _band_powers(samples: Samples, spoken: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Doubles:
    """Power of [c CHUNK] in each of the bands, over the hops that are spoken [h]: [b]."""
    frames = samples.reshape(len(samples), -1, HOP)[:, spoken] * np.hanning(HOP).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(frames, axis=2))).mean(axis=0).sum(axis=0)
    hz = np.fft.rfftfreq(HOP, 1 / RATE_HZ)
    return np.array([power[(hz >= low) & (hz < high)].sum() for low, high in BANDS_HZ.values()])


def slopes_db_per_s(level_db: Doubles, step_s: float) -> tuple[float, float]:
    """Fastest rise and fall, both positive, of a level [t] every `step_s`.

    >>> slopes_db_per_s(np.array([0.0, -2.0, -5.0, -4.5]), 0.1)
    (5.0, 30.0)
    """
    steps = np.diff(level_db) / step_s
    return float(max(0.0, steps.max(initial=0.0))), float(max(0.0, -steps.min(initial=0.0)))


def swings(level_db: Doubles, least_db: float = SWING_DB) -> int:
    """How often a level [t] rises by more than `least_db` and falls by more than that again.

    >>> swings(np.array([-11.0, -2.0, -11.0, -6.0, -11.0, 0.0]))
    1
    """
    count, opened = 0, False
    low = high = np.inf
    for level in level_db.tolist():
        if not opened:
            low = min(low, level)
            opened, high = level > low + least_db, level
        else:
            high = max(high, level)
            if level < high - least_db:
                count, opened, low = count + 1, False, level
    return count
