"""Training windows: stretches of the corpus, augmented and mixed; number i of a seed is always the same audio."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.fft
import scipy.signal
import soxr
from numpy.typing import NDArray

from shipped_weights.ears import sources
from shipped_weights.ears.corpus import RATE_HZ

Wave = NDArray[np.float32]


@dataclass(frozen=True)
class Pool:
    """Clips to draw from, each with its chance."""

    files: list[Path]  # `.npy` of each source
    source: NDArray[np.int32]  # [clips] row of `files`
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    chance: NDArray[np.float64]  # [clips], sums to 1
    names: list[str]  # path of each clip inside its package


def pool(cache: Path, *, test: bool) -> Pool:
    """All labelled clips of the sources that train, or of those held out.

    Rare classes are drawn more often: a clip's chance is the sum over classes c of
    (its mean score of c) / sqrt(total of c), and no clip has more than 40 times the median chance.
    """
    files: list[Path] = []
    rows: list[tuple[int, int, int]] = []
    names: list[str] = []
    means: list[NDArray[np.float32]] = []
    kept = sources.held_out()
    seen = shas(cache, kept)  # a sound that is in a held-out package as well doesn't train
    if test:
        seen = set()
    for labels in sorted((cache / "labels").glob("*.npz")):
        if labels.name.endswith(".part.npz") or (labels.stem in kept) != test:
            continue
        with np.load(labels) as data:
            scores, clip = data["scores"], data["clip"]
        index = cache / "audio" / f"{labels.stem}.tsv"
        with index.open(newline="") as handle:
            for row, (name, start, length, sha) in enumerate(csv.reader(handle, delimiter="\t")):
                lines = scores[clip == row]
                if len(lines) and sha not in seen:
                    seen.add(sha)
                    rows.append((len(files), int(start), int(length)))
                    names.append(name)
                    means.append(lines.max(0).astype(np.float32) / 255)
        files.append(index.with_suffix(".npy"))
    table, score = np.array(rows, np.int64), np.stack(means)
    chance = (score / np.sqrt(score.sum(0) + 1)).sum(1).astype(np.float64)
    chance = np.minimum(chance, 40 * np.median(chance))
    return Pool(files, table[:, 0].astype(np.int32), table[:, 1], table[:, 2], chance / chance.sum(), names)


def shas(cache: Path, keys: frozenset[str]) -> set[str]:
    """Hashes of all clips of these sources."""
    files = [cache / "audio" / f"{key}.tsv" for key in keys]
    return {line.rsplit("\t", 1)[1].strip() for file in files if file.exists() for line in file.open()}


class Drawer:
    """Draws windows of a fixed length."""

    def __init__(self, clips: Pool, samples: int, seed: int) -> None:
        self.clips, self.samples, self.seed = clips, samples, seed
        self._audio = [np.load(f, mmap_mode="r") for f in clips.files]
        self._up_to = np.cumsum(clips.chance)

    def window(self, number: int, *, plain: bool = False) -> tuple[Wave, tuple[int, int]]:
        """([samples] at 16 kHz, rows of its louder and its softer clip, -1 for none).

        `plain` leaves out mixing and augmentation (for measuring).
        """
        rng = np.random.default_rng([self.seed, number])
        first, second = self._row(rng), -1
        wave = self._placed(rng, first, plain)
        if not plain:
            if rng.random() < 0.5:
                ratio_db = float(rng.normal(0, 8))
                second = self._row(rng)
                wave = mix(wave, self._placed(rng, second, plain), ratio_db)
                first, second = (first, second) if ratio_db > 0 else (second, first)
            if rng.random() < 0.25:
                wave = equalise(wave, rng)
            if rng.random() < 0.1:
                wave = reverberate(wave, rng)
        loudest = 0.5 * (1.0 if plain or rng.random() < 0.5 else 10 ** (float(rng.uniform(-30, 5)) / 20))
        return wave * np.float32(loudest / max(float(np.abs(wave).max()), 1e-5)), (first, second)

    def _row(self, rng: np.random.Generator) -> int:
        return min(int(np.searchsorted(self._up_to, rng.random())), len(self._up_to) - 1)

    def _placed(self, rng: np.random.Generator, row: int, plain: bool) -> Wave:
        """A stretch of one clip; a shorter clip stands somewhere in silence, or is repeated."""
        start, length = int(self.clips.start[row]), int(self.clips.length[row])
        ratio = 2 ** (float(rng.uniform(-5, 5)) / 12) if not plain and rng.random() < 0.3 else 1.0
        need = int(self.samples * ratio) + 1
        at = start + int(rng.integers(max(length - need, 0) + 1))
        wave = self._audio[self.clips.source[row]][at : at + min(need, length)].astype(np.float32) / 32768
        if ratio != 1.0:
            wave = soxr.resample(wave, RATE_HZ * ratio, RATE_HZ, quality="LQ")
        if len(wave) >= self.samples:
            return wave[: self.samples]
        if rng.random() < 0.65:
            gap_s = float(rng.uniform(0, 0.6)) if rng.random() < 0.25 else 0.0
            gap = np.zeros(int(gap_s * RATE_HZ), np.float32)
            return np.resize(np.concatenate([wave, gap]), self.samples)
        out = np.zeros(self.samples, np.float32)
        at = int(rng.integers(self.samples - len(wave) + 1))
        out[at : at + len(wave)] = wave
        return out


def mix(loud: Wave, other: Wave, ratio_db: float) -> Wave:
    """Sum at a level ratio of their active parts (root mean square of the samples above a hundredth of the peak)."""

    def level(wave: Wave) -> float:
        power = wave.astype(np.float64) ** 2
        active = power[power > 1e-4 * power.max()]
        return float(np.sqrt(active.mean())) if len(active) else 1e-5

    return loud / np.float32(level(loud)) + other * np.float32(10 ** (-ratio_db / 20) / level(other))


def equalise(wave: Wave, rng: np.random.Generator) -> Wave:
    """A random smooth curve of up to 12 dB, and now and then a telephone-like or low-rate band limit."""
    spectrum = scipy.fft.rfft(wave)
    hz = np.linspace(0, RATE_HZ / 2, len(spectrum))
    knots = np.geomspace(40, RATE_HZ / 2, 7)
    gain = 10 ** (np.interp(np.log(hz + 1), np.log(knots), rng.normal(0, 4, 7).clip(-12, 12)) / 20)
    if rng.random() < 0.5:
        gain = gain / (1 + (hz / float(rng.choice([2500, 3500, 5000, 6500]))) ** 12)
    if rng.random() < 0.3:
        gain = gain * (1 - 1 / (1 + (hz / float(rng.uniform(60, 400))) ** 6))
    return scipy.fft.irfft(spectrum * gain.astype(np.float32), len(wave)).astype(np.float32)


def reverberate(wave: Wave, rng: np.random.Generator) -> Wave:
    """Exponentially fading noise as a room; 0.2 to 1.2 s to -60 dB."""
    rt60 = float(rng.uniform(0.2, 1.2))
    time = np.arange(int(rt60 * RATE_HZ)) / RATE_HZ
    room = (rng.standard_normal(len(time)) * 10 ** (-3 * time / rt60)).astype(np.float32)
    room *= np.float32(float(rng.uniform(0.1, 0.5)) / np.sqrt((room**2).sum()))
    room[0] = 1
    return scipy.signal.fftconvolve(wave, room)[: len(wave)].astype(np.float32)
