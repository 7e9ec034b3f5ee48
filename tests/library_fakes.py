"""A tiny encoder, models that hold nothing else, and tiny sound files, for tests of the library and of indexing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import soundfile

from storysound.annotate.sound import SoundJudge
from storysound.config import load_profile
from storysound.encode.ears import class_names
from storysound.encode.encoder import Encoder, Encoding, Head, Modality, Traits
from storysound.encode.pool import Models
from storysound.library.store import LibraryEntry, Segments, Shape
from storysound.media.audio import Waveform
from storysound.story import Mood, Sound, Source
from storysound.weights.resolver import Resolver

STEP_S = 1.0
BARK_EVERY_S = 4


def labels() -> dict[str, tuple[str, ...]]:
    return {"level": ("quiet", "loud"), "audioset": class_names()}


@dataclass
class FakeEncoder:
    """Says how strong a sound is each second, and whether it is loud or quiet; counts what it was given.

    Long sounds are music to it, and in one second of four it hears a bark.
    """

    name: str = "fake"
    revision: str = "r1"
    modality: Modality = "audio"
    dim: int = 3
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=labels)
    traits: Traits = field(default_factory=lambda: Traits(heads={"level": Head(moments=False)}))
    seconds: list[float] = field(default_factory=list)

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        return [self._one(item) for item in items]

    def _one(self, wave: Waveform) -> Encoding:
        self.seconds.append(wave.duration_s)
        count = max(1, int(wave.duration_s / STEP_S))
        parts = np.array_split(wave.samples[0], count)
        level = np.array([np.sqrt(np.mean(np.square(part, dtype=np.float64))) for part in parts], np.float32)
        embedding = np.stack([level, np.arange(count, dtype=np.float32), np.ones(count, np.float32)], axis=1)
        scores = {"level": np.stack([1 - level, level], axis=1), "audioset": self.heard(count, wave.duration_s)}
        return Encoding(embedding[:, : self.dim], scores, STEP_S)

    def heard(self, count: int, duration_s: float) -> np.ndarray:
        scores = np.full((count, len(class_names())), 0.001, np.float32)
        scores[:, class_names().index("Music")] = 0.9 if duration_s > 8 else 0.001
        scores[::BARK_EVERY_S, class_names().index("Bark")] = 0.95
        return scores


JUDGE = SoundJudge({"fake": FakeEncoder()})


class FakeModels(Models):
    """One encoder of sound, made by `make`; in a worker process another one, made by the same."""

    def __init__(self, make: Callable[[], Encoder[Waveform]] = FakeEncoder) -> None:
        super().__init__(load_profile("embedded"), Resolver(offline=True))
        self.make = make

    def __reduce__(self) -> tuple[object, ...]:
        return FakeModels, (self.make,)

    @property
    def audio(self) -> Mapping[str, Encoder[Waveform]]:
        return {"fake": self.get("fake", lambda weights: self.make())}


def tone(file: Path, duration_s: float = 1.0, hz: float = 440.0, *, level: float = 0.3, rate_hz: int = 16_000) -> Path:
    """Writes a sine; the format follows the name."""
    file.parent.mkdir(parents=True, exist_ok=True)
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    soundfile.write(file, (level * np.sin(2 * np.pi * hz * time_s)).astype(np.float32), rate_hz)
    return file


def entry(
    path: str, analysis: str, *, root: str = "/sounds", segments: int = 1, table: str = "segments"
) -> LibraryEntry:
    """A row for tests of the store that need no sound file."""
    sound = Sound(
        path=path,
        root=root,
        duration_s=12.5,
        kind="music",
        title=f"title of {path}",
        tags=("calm", "piano"),
        loudness_lufs=-18.25,
        true_peak_dbtp=-1.5,
        tempo_bpm=120.0,
        key="A minor",
        mood=Mood(0.25, 0.75),
        source=Source("https://example.org", "ab" * 32, "CC-BY-4.0", "Jane"),
    )
    row_id = sha256(path.encode()).hexdigest()[:32]
    return LibraryEntry(
        row_id, sound, 1000, 10**18 + 7, "cd" * 32, analysis, segments, table, "2026-01-01T00:00:00+00:00"
    )


def rows(*values: float, dim: int = 3) -> Segments:
    """One segment per value; every number of its vectors is that value."""
    start_s = np.arange(len(values)) * 10.0
    vectors = np.repeat(np.array(values, np.float16)[:, None], dim, axis=1)
    loudness = np.full(len(values), -20, np.float32)
    return Segments(start_s, start_s + 10, loudness, {"fake": vectors, "fake.level": vectors[:, :2]})


SHAPE = Shape({"analysis": "1", "fake": "r1"}, {"fake.level": ("quiet", "loud")})
