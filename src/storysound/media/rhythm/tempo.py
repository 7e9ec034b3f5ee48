"""How fast the onsets of a sound repeat, whatever its bars: the pulse, and the tempo as it is felt."""

import numpy as np

from storysound.media.arrays import Doubles
from storysound.media.audio import Waveform
from storysound.media.rhythm.onsets import FRAMES_PER_S, Spectrogram, onset_envelope

SLOWEST_BPM, FASTEST_BPM = 40.0, 220.0
_TEMPI = np.exp(np.linspace(np.log(SLOWEST_BPM), np.log(FASTEST_BPM), 600))
_USUAL_BPM = 110.0  # centre of the log-normal prior over tempo
_PRIOR_OCTAVES = 1.0  # and its width
_COMB = (1, 2, 4, 8)  # multiples of the beat that repeat in most music: beat, half bar, bar, two bars
_LEAST_PULSE = 0.22  # below this share of the onsets repeating, nothing is felt
# How far a better fit outweighs others in `felt_tempo`: r .65 with the starter tracks' tempi; `tempo_bpm` had .41.
_DECIDED = 15.0


def autocorrelation(envelope: Doubles) -> Doubles:
    """Share of the onsets [t] that come again after each lag, [t], 1 at lag 0; unbiased for the shrinking overlap."""
    n = len(envelope)
    spectrum = np.fft.rfft(envelope - envelope.mean(), 2 * n)
    products = np.fft.irfft(np.abs(spectrum) ** 2)[:n]
    return np.asarray(products / max(products[0], 1e-12) * n / np.arange(n, 0, -1))


def _pulse(envelope: Doubles) -> Doubles:
    """How strongly the onsets [t] repeat with each of _TEMPI and its metre, [b]; -1 where too short to tell."""
    repeats = autocorrelation(envelope)
    lags = 60 * FRAMES_PER_S / _TEMPI[:, None] * np.array(_COMB)
    heard = lags < 0.75 * len(envelope)  # with less overlap than a quarter, chance rules
    values = np.interp(lags, np.arange(len(repeats)), repeats) * heard
    return np.where(heard[:, 0], values.sum(axis=1) / np.maximum(heard.sum(axis=1), 1), -1.0)


def pulse(envelope: Doubles) -> float:
    """Share of the onsets of an envelope [t] that come again with the beat, whatever its tempo; 0 where too short."""
    return max(float(_pulse(envelope).max()), 0.0) if envelope.any() else 0.0


def pulse_bpm(sound: Waveform | Spectrogram) -> float | None:
    """Beats a minute, in [40, 220], of the strongest pulse, or None where onsets don't repeat evenly enough.

    Autocorrelation of the onsets summed over the beat and its binary multiples, weighted by a log-normal prior
    (after Ellis 2007, section 3.2).
    """
    envelope = onset_envelope(sound)
    if len(envelope) < 2 * FRAMES_PER_S or not envelope.any():
        return None
    fit = _pulse(envelope)
    best = int(np.argmax(fit * _prior()))
    return float(_TEMPI[best]) if fit[best] >= _LEAST_PULSE else None


def felt_tempo(sound: Waveform | Spectrogram) -> float:
    """Tempo in octaves above 100 beats a minute; 0 where nothing pulses.

    Listeners differ by octaves in how they count the same music. So this is a mean over all tempi, weighed by how well
    the sound can be counted in each (softmax): what errs by an octave in `tempo_bpm` errs by less here.
    """
    if pulse_bpm(sound) is None:
        return 0.0
    fit = np.maximum(_pulse(onset_envelope(sound)), 0.0) * _prior()
    return float(np.average(np.log2(_TEMPI / 100), weights=np.exp(_DECIDED * (fit - fit.max()))))


def _prior() -> Doubles:
    """How usual each of _TEMPI is."""
    return np.asarray(np.exp(-0.5 * (np.log2(_TEMPI / _USUAL_BPM) / _PRIOR_OCTAVES) ** 2))
