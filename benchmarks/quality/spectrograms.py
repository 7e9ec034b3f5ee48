"""What it costs to go through a picture and back: `python -m benchmarks.quality.spectrograms`.

Every sound goes into a picture of 8 bits with Riffusion's parameters and comes back. Clips of ESC-50, one of each class
(`benchmarks/quality/quality.py` says where; every second class, the others were there when the algorithm was chosen),
and five seconds of each second track of the starter library; mono, 44.1 kHz. Beside the vocoders: the picture's
magnitudes with the phases of the sound itself, which is what the picture alone has lost.

- spectral distance: root mean square over frequencies up to 10 kHz, in dB of power, mean over frames (46 ms, floor at
  80 dB below the loudest): Gray and Markel's log-spectral distance. Up to 8 kHz beside it, where HiFi-GAN ends.
- bands: the same of the picture's own bands (100 ms).
- log-mel: root mean square difference of HiFi-GAN's 80 bands in natural logarithms, floor 9 below the loudest.
- onsets: F1 of peaks of the onset envelope within 20 ms; of sounds that have any.
- SI-SDR in dB: only where phases are the sound's own does it mean anything.
- seconds of processor time for 5 s of sound, one thread.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.signal
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.quality.quality import data_folder, labelled
from storysound.generate.hifigan import MEL
from storysound.generate.vocoder import GriffinLim, Vocoder, load, spoken
from storysound.media import rhythm
from storysound.media.arrays import Doubles, Floats, Samples
from storysound.media.audio import Waveform, read_audio, resample
from storysound.media.spectrogram import Stft, istft, log_mel, power, stft
from storysound.media.spectrograms.form import SpectrogramForm, amplitudes
from storysound.media.spectrograms.griffin_lim import inverse_of
from storysound.media.spectrograms.picture import picture_of
from storysound.weights.resolver import Resolver

FORM = SpectrogramForm()
SECONDS, APART_S = 5.0, 0.020
_HEIGHT, _FRAMES_APART = 1.5, 5  # of peaks, in deviations, and how near they may be


def sounds(data: Path, weights: Resolver, half: int) -> Iterator[tuple[str, Samples]]:
    """Kind and samples [n] of every clip of a half."""
    rows = {row["category"]: row for row in reversed(labelled(data))}
    for name in sorted(rows)[half::2]:
        yield "effects", read_audio(data / "esc50" / rows[name]["file"], channels=1, rate_hz=FORM.rate_hz).samples[0]
    tracks = sorted(name for name in weights.entries if name.startswith("starter/") and name.endswith(".opus"))
    for name in tracks[half::2]:
        track = read_audio(weights.path(name), channels=1, rate_hz=FORM.rate_hz, start_s=20, end_s=20 + SECONDS)
        yield "music", track.samples[0]


def spectral_distance(a: Floats, b: Floats, floor_db: float = 80.0) -> float:
    """Of powers [t f]: the root mean square of their difference in dB, mean over frames."""
    floor = max(float(a.max()), 1e-12) * 10 ** (-floor_db / 10)
    apart = 10 * np.log10(np.maximum(a, floor) / np.maximum(b, floor))
    return float(np.sqrt((apart**2).mean(axis=1)).mean())


def onsets_s(sound: Waveform) -> Doubles:
    """When something begins: [n]."""
    peaks, _ = scipy.signal.find_peaks(rhythm.onset_envelope(sound), height=_HEIGHT, distance=_FRAMES_APART)
    return np.asarray(peaks / rhythm.FRAMES_PER_S)


def f1(wanted: Doubles, found: Doubles) -> float:
    """Of times [n] and [m], each matched once, in order."""
    hits, at = 0, 0
    for one in wanted:
        while at < len(found) and found[at] < one - APART_S:
            at += 1
        if at < len(found) and found[at] <= one + APART_S:
            hits, at = hits + 1, at + 1
    return 2 * hits / max(1, len(wanted) + len(found))


def si_sdr(wanted: Samples, found: Samples) -> float:
    """Scale-invariant signal-to-distortion ratio in dB of [n] (Le Roux et al. 2019)."""
    scaled = wanted * (found @ wanted) / max(float(wanted @ wanted), 1e-12)
    return float(10 * np.log10(max(float(scaled @ scaled), 1e-12) / max(float(((found - scaled) ** 2).sum()), 1e-12)))


def with_own_phases(levels: Floats, samples: Samples) -> Samples:
    """The magnitudes of a picture [1 t b], scaled to its bands, with the phases of the sound [n] itself."""
    inverse = inverse_of(FORM.analysis)
    rate_hz, config = inverse.rate_hz, inverse.stft
    low = resample(Waveform(samples[None], FORM.rate_hz), round(rate_hz)).samples[0]
    spectrum = stft(low, config)
    magnitudes = inverse.magnitudes(levels[0, : len(spectrum)])
    made = istft(magnitudes * np.exp(1j * np.angle(spectrum)).astype(np.complex64), config, len(low))
    return resample(Waveform(made[None], round(rate_hz)), FORM.rate_hz).samples[0]


def measured(wanted: Samples, found: Samples) -> dict[str, float]:
    """All figures of one sound [n]; NaN where there are no onsets."""
    found = np.pad(found[: len(wanted)], (0, max(0, len(wanted) - len(found))))
    config = Stft(2048, 512)
    hz = np.arange(config.bins) * FORM.rate_hz / config.n_fft
    a, b = (power(each, config) for each in (wanted, found))
    low = [resample(Waveform(each[None], FORM.rate_hz), MEL.rate_hz).samples[0] for each in (wanted, found)]
    mels = [log_mel(each, MEL) for each in low]
    mels = [np.maximum(each, mels[0].max() - 9) for each in mels]
    times = [onsets_s(Waveform(each[None], FORM.rate_hz)) for each in (wanted, found)]
    bands = [amplitudes(each[None], FORM)[0] ** 2 for each in (wanted, found)]
    return {
        "spectral, dB": spectral_distance(a[:, hz <= 10_000], b[:, hz <= 10_000]),
        "to 8 kHz": spectral_distance(a[:, hz <= 8000], b[:, hz <= 8000]),
        "bands, dB": spectral_distance(bands[0], bands[1]),
        "log-mel": float(np.sqrt(((mels[0] - mels[1]) ** 2).mean(axis=1)).mean()),
        "onsets": f1(times[0], times[1]) if len(times[0]) else float("nan"),
        "SI-SDR": si_sdr(wanted, found),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", type=int, choices=(0, 1), default=1, help="0: those that settings were chosen on")
    half = parser.parse_args().half
    torch.set_num_threads(1)
    weights = Resolver(offline=True)
    vocoders: dict[str, Vocoder] = {f"Griffin-Lim, {n}": GriffinLim(n) for n in (16, 32, 100)}
    vocoders["HiFi-GAN"] = load("hifigan", weights)
    rows: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for kind, samples in sounds(data_folder(), weights, half):
        levels = picture_of(Waveform(samples[None], FORM.rate_hz), FORM).amplitudes()
        rows[kind, "own phases"].append({**measured(samples, with_own_phases(levels, samples)), "s": float("nan")})
        for name, vocoder in vocoders.items():
            began = time.process_time()
            made = spoken(vocoder, levels, FORM, len(samples)).samples[0]
            rows[kind, name].append({**measured(samples, made), "s": time.process_time() - began})
    headings = next(iter(rows.values()))[0]
    table = Table("sounds", "vocoder", "n", *headings)
    for (kind, name), found in sorted(rows.items()):
        means = [np.nanmean([row[heading] for row in found]) if name else 0.0 for heading in headings]
        table.add_row(kind, name, str(len(found)), *("" if np.isnan(mean) else f"{mean:.2f}" for mean in means))
    Console(width=140).print(f"half {half}, seed 0", table)


if __name__ == "__main__":
    main()
