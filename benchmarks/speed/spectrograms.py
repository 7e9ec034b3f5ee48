"""The sound of a spectrogram picture, beside librosa's.

CPU time of one thread for five seconds of noise through the same 32 iterations, both sides in one process, the least of
the runs. Riffusion's own parameters are too much for `librosa.feature.inverse.mel_to_audio` (its solver of bands asks
for 155 GiB); there `librosa.griffinlim` alone is timed, on magnitudes that it is given. The whole is compared on
pictures of 128 bands at 22.05 kHz, whose transforms are as long as their windows.

Run: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.speed.spectrograms
"""

from collections.abc import Iterator

import librosa
import numpy as np

from benchmarks.speed.encoders import cpu_s
from storysound.media.arrays import Floats
from storysound.media.spectrogram import squared, stft
from storysound.media.spectrograms.form import SpectrogramForm, amplitudes
from storysound.media.spectrograms.griffin_lim import ITERATIONS, sound_of

SECONDS = 5
PLAIN = SpectrogramForm(22_050, 10, 100, 100, 128)


def measure() -> Iterator[tuple[str, str, str, str]]:
    """One row each: what, value, limit, n."""
    form = SpectrogramForm()
    samples = noise(form)
    ours, theirs = cpu_s(lambda: ours_of(samples, form), 3), cpu_s(lambda: phases_by_librosa(samples, form), 1)
    yield "spectrogram to sound, Riffusion's", *compared(ours, theirs)
    samples = noise(PLAIN)
    ours, theirs = cpu_s(lambda: ours_of(samples, PLAIN), 3), cpu_s(lambda: whole_by_librosa(samples), 1)
    yield "spectrogram to sound, 128 bands", *compared(ours, theirs)


def compared(ours: float, theirs: float) -> tuple[str, str, str]:
    """What both take, in seconds: value, limit, n."""
    return f"{theirs / ours:.1f} × librosa ({ours:.2f} s for {SECONDS} s)", f"1 ({theirs:.1f} s)", "3"


def noise(form: SpectrogramForm) -> Floats:
    """[1 n]."""
    return np.random.default_rng(0).normal(size=(1, SECONDS * form.rate_hz)).astype(np.float32)


def ours_of(samples: Floats, form: SpectrogramForm) -> None:
    """Bands of [1 n], and sound."""
    list(sound_of(amplitudes(samples, form), form.analysis, samples.shape[1]))


def phases_by_librosa(samples: Floats, form: SpectrogramForm) -> None:
    """The algorithm alone, on true magnitudes of [1 n]."""
    config = form.analysis.stft
    magnitudes = np.sqrt(squared(stft(samples[0], config))).T
    librosa.griffinlim(
        magnitudes, n_iter=ITERATIONS, hop_length=config.hop_length, win_length=config.win_length, n_fft=config.n_fft
    )


def whole_by_librosa(samples: Floats) -> None:
    """Bands of [1 n], and sound."""
    config = PLAIN.analysis.stft
    librosa.feature.inverse.mel_to_audio(
        amplitudes(samples, PLAIN)[0].T, sr=PLAIN.rate_hz, n_fft=config.n_fft, hop_length=config.hop_length,
        win_length=config.win_length, power=1.0, n_iter=ITERATIONS, fmax=PLAIN.highest_hz, htk=True, norm=None,
    )  # fmt: skip


if __name__ == "__main__":
    for row in measure():
        print(" | ".join(row))
