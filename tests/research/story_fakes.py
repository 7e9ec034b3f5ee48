"""Stories in three languages that a network has to learn: tones, colours and words for eight kinds of thing."""

import json
from collections.abc import Sequence
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storysound.encode.labels import LabelSpace
from storysound.media.arrays import Floats
from storysound.media.audio import Waveform, write_wav

WORDS = ("bear", "wolf", "lark", "wren", "bell", "horn", "rain", "wind")
HZ = (150.0, 300.0, 500.0, 800.0, 1200.0, 1800.0, 2600.0, 3500.0)
COLOURS = tuple((250 * (i % 2), 250 * (i // 2 % 2), 250 * (i // 4)) for i in range(8))
PAIRS = list(combinations_with_replacement(range(8), 2))  # each story is of two kinds


class FakeEncoder:
    """Features that tell the kinds apart, each modality in its own way; nothing is aligned at first."""

    aligned = True
    stretch_s = 0.0  # it hears moments, not stretches
    ears = ("low",)

    def __init__(self, *_: object) -> None:
        rng = np.random.default_rng(0)
        self._said, self._seen, self._heard = (rng.normal(size=(8, width)).astype(np.float32) for width in (8, 12, 10))

    def revision(self) -> str:
        return "fake"

    def heard(self) -> dict[str, int]:
        return {"low": 4, "high": 6}

    def space(self, name: str, labels: Sequence[str], *_: object) -> LabelSpace:
        vectors = np.random.default_rng(1).normal(size=(len(labels), 8)).astype(np.float32)
        return LabelSpace(name, tuple(labels), vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    def text(self, texts: Sequence[str]) -> Floats:
        rows = np.stack([self._said[WORDS.index(word)] for text in texts for word in text.split() if word in WORDS])
        return np.concatenate([rows.mean(axis=0, keepdims=True), rows])

    def frames(self, pictures: Sequence[NDArray[np.uint8]]) -> Floats:
        colours = np.array(COLOURS)
        kinds = [int(np.abs(colours - picture.mean(axis=(0, 1))).sum(axis=1).argmin()) for picture in pictures]
        return self._seen[kinds]

    def audio(self, wave: Waveform) -> Floats:
        seconds = [wave.mono().cut(start, start + 1.0).samples[0] for start in range(max(1, int(wave.duration_s)))]
        peaks = [np.abs(np.fft.rfft(second)).argmax() * wave.rate_hz / len(second) for second in seconds]
        return self._heard[[int(np.abs(np.array(HZ) - peak).argmin()) for peak in peaks]]


def tone(*kinds: int) -> Waveform:
    """A sound of a second of each of the kinds."""
    times = np.arange(8000) / 8000
    samples = np.concatenate([0.3 * np.sin(2 * np.pi * HZ[kind] * times) for kind in kinds])
    return Waveform(samples.astype(np.float32)[None], 8000)


def write_stories(folder: Path, count: int = 24) -> Path:
    """A file of JSON lines beside its media: no two stories are of the same two kinds, each is its own group."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for i in range(count):
        kinds = PAIRS[i]
        write_wav(folder / f"{i}.wav", tone(*kinds))
        for j, kind in enumerate(kinds):
            Image.new("RGB", (8, 8), COLOURS[kind]).save(folder / f"{i}-{j}.png")
        text, images = " ".join(WORDS[kind] for kind in kinds), [f"{i}-0.png", f"{i}-1.png"]
        lines.append({"id": f"s{i}", "text": text, "images": images, "audio": f"{i}.wav"})
    file = folder / "stories.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    return file
