"""NSNet2: how much of each moment and frequency of a sound is speech.

The 48-kHz baseline of the Deep Noise Suppression Challenge (Braun and Tashev 2020, arXiv:2009.10992):
20-ms frames, a log-power spectrum in, a gain for the speech out.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from storysound.media.arrays import Samples
from storysound.media.audio import Waveform, resample
from storysound.weights.resolver import Resolver

RATE_HZ = 48000
WINDOW = RATE_HZ * 20 // 1000  # samples
FFT = 1024
HOP = FFT // 2
BINS = FFT // 2 + 1
_LEAD = WINDOW - HOP  # silence before the first sample, so that every sample lies in two windows or in a full one
_POWER_FLOOR = 1e-12
_REVISION = "1"

# Square root of a periodic Hann window, for analysis and, divided by the overlap of its squares, for synthesis.
_HANN = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


def _synthesis_window() -> Samples:
    overlap = np.zeros(WINDOW, np.float64)
    for shift in range(-WINDOW // HOP - 1, WINDOW // HOP + 2):
        low, high = max(0, shift * HOP), min(WINDOW, WINDOW + shift * HOP)
        if low < high:
            overlap[low:high] += _HANN[low - shift * HOP : high - shift * HOP].astype(np.float64) ** 2
    return np.asarray(_HANN / overlap, np.float32)


_SYNTHESIS = _synthesis_window()


def analyse(samples: Samples) -> NDArray[np.complex64]:
    """Spectra [t 513] of [n] samples at 48 kHz; frame t begins at sample 512 t - 448."""
    frames = -(-(samples.size + _LEAD) // HOP)
    padded = np.zeros((frames - 1) * HOP + WINDOW + HOP, np.float32)
    padded[_LEAD : _LEAD + samples.size] = samples
    framed = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:frames]
    return np.asarray(np.fft.rfft(framed * _HANN, FFT), np.complex64)


def synthesise(spectra: NDArray[np.complex64], length: int) -> Samples:
    """The inverse of `analyse`: `length` samples of [t 513] spectra."""
    framed = np.fft.irfft(spectra, FFT)[:, :WINDOW].astype(np.float32) * _SYNTHESIS
    padded = np.zeros((len(framed) + 1) * HOP, np.float32)
    for part in range(0, WINDOW, HOP):  # windows overlap their next neighbour only: two adds without a loop over time
        width = min(HOP, WINDOW - part)
        lines = padded[part : part + len(framed) * HOP].reshape(-1, HOP)
        lines[:, :width] += framed[:, part : part + width]
    return padded[_LEAD : _LEAD + length]


class NSNet2:
    """The gain of speech, and with it what is left when the speech is taken away."""

    name = "nsnet2"

    def __init__(self, model: Path, revision: str) -> None:
        """Loads the ONNX model."""
        self.revision = revision
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # it would keep what a minute of sound takes
        self._session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def gain(self, samples: Samples) -> Samples:
        """Speech gain [t 513] in [0, 1] of [n] samples at 48 kHz, framed as `analyse` does."""
        return self._gain(analyse(samples))

    def _gain(self, spectra: NDArray[np.complex64]) -> Samples:
        """Spectra [t 513] -> speech gain [t 513] in [0, 1]."""
        features = np.log10(np.maximum(spectra.real**2 + spectra.imag**2, _POWER_FLOOR))
        gain = self._session.run(["output"], {"input": features[None]})[0][0]
        return np.asarray(np.clip(gain, 0.0, 1.0), np.float32)

    def background(self, wave: Waveform) -> Waveform:
        """The sound without its speech, (1 - gain) x mixture: same rate, channels and number of samples."""
        at_48k = resample(wave, RATE_HZ)
        gain = self.gain(at_48k.mono().samples[0])
        speech = [synthesise(gain * analyse(channel), channel.size) for channel in at_48k.samples]
        rate, length = wave.rate_hz, wave.samples.shape[1]
        removed = resample(Waveform(np.stack(speech), RATE_HZ), rate).samples[:, :length]
        background = wave.samples.copy()
        background[:, : removed.shape[1]] -= removed
        return Waveform(background, rate)


def load(weights: Resolver) -> NSNet2:
    """The model. Raises MissingModelError where its weights can't be had."""
    return NSNet2(weights.path("nsnet2"), f"{weights.revision('nsnet2')}-{_REVISION}")
