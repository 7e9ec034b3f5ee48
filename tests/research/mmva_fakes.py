"""Pictures, tones and captions whose mood can be read off them: colours and pitches for valence, levels for arousal."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storysound.media.arrays import Floats
from storysound.media.audio import Waveform, write_wav

RATE_HZ = 4000


class FakeTowers:
    """Features that tell the mood, each modality in its own way; music and words by two layers."""

    def __init__(self, *_: object) -> None:
        rng = np.random.default_rng(0)
        self._maps = [rng.normal(size=(3, width)).astype(np.float32) for width in (6, 8, 7)]

    def revision(self) -> str:
        return "fake"

    def image(self, picture: NDArray[np.uint8]) -> Floats:
        red, green, _ = picture.mean(axis=(0, 1)) / 255
        return self._told(0, red, green)

    def music(self, clip: Waveform) -> Floats:
        wave = clip.samples[0]
        peak_hz = np.abs(np.fft.rfft(wave)).argmax() * clip.rate_hz / len(wave)
        return np.repeat(self._told(1, (peak_hz - 200) / 800, np.abs(wave).max() * 2), 2, axis=0)

    def words(self, caption: str) -> Floats:
        valence, arousal = (float(word) for word in caption.split() if word[0].isdigit())
        return np.repeat(self._told(2, valence, arousal), 2, axis=0)

    def _told(self, which: int, valence: float, arousal: float) -> Floats:
        result: Floats = np.tanh(np.array([[valence, arousal, 1.0]], np.float32) @ self._maps[which])
        return result


def moods(count: int, seed: int) -> Floats:
    return np.random.default_rng(seed).random((count, 2)).round(2).astype(np.float32)


def tone(valence: float, arousal: float, length_s: float) -> Waveform:
    times = np.arange(int(length_s * RATE_HZ)) / RATE_HZ
    wave = 0.5 * arousal * np.sin(2 * np.pi * (200 + 800 * valence) * times)
    return Waveform(wave.astype(np.float32)[None], RATE_HZ)


def write_tables(folder: Path, pictures: int = 30, tracks: int = 20, length_s: float = 6.0) -> tuple[Path, Path]:
    """A table of pictures rated from 1 to 9 and one of music rated from -1 to 1, with their media."""
    folder.mkdir(parents=True, exist_ok=True)
    seen, heard = ["file,valence_mean,arousal_mean"], ["file,valence,arousal,caption"]
    for i, (valence, arousal) in enumerate(moods(pictures, 1)):
        Image.new("RGB", (8, 8), (round(255 * valence), round(255 * arousal), i)).save(folder / f"p{i}.png")
        seen.append(f"p{i}.png,{1 + 8 * valence:.3f},{1 + 8 * arousal:.3f}")
    for i, (valence, arousal) in enumerate(moods(tracks, 2)):
        write_wav(folder / f"m{i}.wav", tone(valence, arousal, length_s + i / RATE_HZ))
        heard.append(f"m{i}.wav,{2 * valence - 1:.3f},{2 * arousal - 1:.3f},feels {valence:.2f} {arousal:.2f}")
    return lines(folder / "pictures.csv", seen), lines(folder / "music.csv", heard)


def lines(file: Path, rows: Sequence[str]) -> Path:
    file.write_text("\n".join(rows), "utf-8")
    return file
