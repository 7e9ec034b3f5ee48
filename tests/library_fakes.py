"""A tiny encoder, a tiny judge and tiny sound files, for tests of the library and of indexing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import soundfile

from storysound.encode.encoder import Encoding, Modality, Traits
from storysound.engine.crew import Tools
from storysound.library.analyse import Judged, Listening
from storysound.library.store import Entry, Segments, Shape
from storysound.media.audio import Waveform
from storysound.story import Event, Kind, Mood, Sound, Source

STEP_S = 1.0


@dataclass
class FakeEncoder:
    """Says how strong a sound is each second, and whether it is loud or quiet; counts what it was given."""

    name: str = "fake"
    revision: str = "r1"
    modality: Modality = "audio"
    dim: int = 3
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"level": ("quiet", "loud")})
    traits: Traits = field(default_factory=Traits)
    seconds: list[float] = field(default_factory=list)

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        return [self._one(item) for item in items]

    def _one(self, wave: Waveform) -> Encoding:
        self.seconds.append(wave.duration_s)
        count = max(1, int(wave.duration_s / STEP_S))
        parts = np.array_split(wave.samples[0], count)
        level = np.array([np.sqrt(np.mean(np.square(part, dtype=np.float64))) for part in parts], np.float32)
        embedding = np.stack([level, np.arange(count, dtype=np.float32), np.ones(count, np.float32)], axis=1)
        return Encoding(embedding[:, : self.dim], {"level": np.stack([1 - level, level], axis=1)}, STEP_S)


def judge(sound: Listening) -> Judged:
    """Long sounds are music, and every whole second of one is an event."""
    kind: Kind = "music" if sound.duration_s > 8 else "sfx"
    events = tuple(Event(s, s + 0.5, f"second {s}", 0.75) for s in range(int(sound.duration_s)))
    return Judged(kind, Mood(0.5, float(sound.heard["fake"].embedding[:, 0].clip(0, 1).mean())), events)


def tools(revision: str = "r1", dim: int = 3) -> Tools:
    return Tools({"fake": FakeEncoder(revision=revision, dim=dim)}, judge)


def tone(file: Path, duration_s: float = 1.0, hz: float = 440.0, *, level: float = 0.3, rate_hz: int = 16_000) -> Path:
    """Writes a sine; the format follows the name."""
    file.parent.mkdir(parents=True, exist_ok=True)
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    soundfile.write(file, (level * np.sin(2 * np.pi * hz * time_s)).astype(np.float32), rate_hz)
    return file


def entry(path: str, analysis: str, *, root: str = "/sounds", segments: int = 1, table: str = "segments") -> Entry:
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
    return Entry(row_id, sound, 1000, 10**18 + 7, "cd" * 32, analysis, segments, table, "2026-01-01T00:00:00+00:00")


def rows(*values: float, dim: int = 3) -> Segments:
    """One segment per value; every number of its vectors is that value."""
    start_s = np.arange(len(values)) * 10.0
    vectors = np.repeat(np.array(values, np.float16)[:, None], dim, axis=1)
    loudness = np.full(len(values), -20, np.float32)
    return Segments(start_s, start_s + 10, loudness, {"fake": vectors, "fake.level": vectors[:, :2]})


SHAPE = Shape({"analysis": "1", "fake": "r1"}, {"fake.level": ("quiet", "loud")})
