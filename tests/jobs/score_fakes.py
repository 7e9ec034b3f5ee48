"""Stand-ins for the models, a library of five sounds and clips of plain colours, for tests of scoring."""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from storysound.config import Profile
from storysound.encode.encoder import Encoding, Head, Traits
from storysound.encode.pool import Models
from storysound.jobs.plan import plan as planning
from storysound.jobs.plan.request import PlanRequest, PlanResult
from storysound.jobs.score import score as job
from storysound.jobs.score.request import ScoreRequest, ScoreResult
from storysound.match.query import Hit, Query
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.audio import Waveform, write_wav
from storysound.media.recording import Recording
from storysound.progress import Watch
from storysound.story import Mood, Sound, Source, Span

FPS = 20
TONE_HZ = 3000.0  # of what `FakeEars` can be told to hear in a clip
WORDS = ("red", "green", "blue", "grey")


class Eyes:
    """Sees the mean colour: enough to tell scenes apart."""

    name, revision, modality, dim = "eyes", "1", "image", 1280
    labels = {"colours": WORDS}  # noqa: RUF012
    traits = Traits()

    def encode(self, items: list[NDArray[np.uint8]]) -> list[Encoding]:
        out = []
        for rgb in items:
            colour = rgb.reshape(-1, 3).mean(axis=0).astype(np.float32) / 255
            embedding = np.zeros((1, 1280), np.float32)
            embedding[0, :3] = colour + 0.01
            scores = np.append(colour / max(colour.sum(), 1e-3), 0.01).astype(np.float32)
            out.append(Encoding(embedding, {"colours": (scores / scores.sum())[None]}))
        return out


class Reader:
    """Reads only how long a text is."""

    name, revision, modality, dim = "reader", "1", "text", 384
    labels: dict[str, tuple[str, ...]] = {}  # noqa: RUF012
    traits = Traits()

    def encode(self, items: list[str]) -> list[Encoding]:
        rows = [np.eye(1, 384, len(text) % 384, dtype=np.float32) for text in items]
        return [Encoding(row, layers=np.zeros((7, 384), np.float32)) for row in rows]


class Shelf:
    """Each sound is made for a colour: effects are found by what is seen, the n-th scene's music is the n-th wish."""

    def __init__(self, sounds: list[Sound], music: tuple[str, ...] = ("red", "blue")) -> None:
        self.sounds = sounds
        self.music = list(music)
        self.asked: list[tuple[Query, str]] = []

    def search(self, query: Query, k: int = 10, *, kind: Any, ignore_names: bool = False) -> tuple[Hit, ...]:
        self.asked.append((query, kind))
        if kind == "music":
            assert query.mood is not None
            wanted = np.array([word == self.music[0] for word in WORDS], float)
            self.music = self.music[1:] + self.music[:1]
        elif not query.images:
            wanted = np.array([word in query.text for word in WORDS], float)
        else:
            wanted = np.mean([Eyes().encode([image])[0].scores["colours"][0] for image in query.images], axis=0)
        of_kind = [s for s in self.sounds if s.kind == kind]
        rated = [(float(wanted[WORDS.index(s.tags[0])]) if s.tags else 0.2, s) for s in of_kind]
        rated.sort(key=lambda pair: -pair[0])
        return tuple(Hit(s, 0.0, s.duration_s, 1 / (1 + math.exp(-9 * (r - 0.3))), (f"{r:.2f}",)) for r, s in rated[:k])


def tone(seconds: float, hz: float, level: float = 0.3) -> NDArray[np.float32]:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    beat = np.exp(-(t % 0.5) / 0.15) * np.minimum((t % 0.5) / 0.01, 1)
    return np.tile((level * beat * np.sin(2 * np.pi * hz * t)).astype(np.float32), (2, 1))


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> list[Sound]:
    """A library of beats for each colour, and two effects."""
    root = tmp_path_factory.mktemp("library")
    made = []
    for name, kind, colour, seconds, hz in (
        ("red.wav", "music", "red", 12.0, 220.0), ("green.wav", "music", "green", 5.0, 330.0),
        ("blue.wav", "music", "blue", 12.0, 440.0), ("wind.wav", "sfx", "green", 7.0, 600.0),
        ("knock.wav", "sfx", "red", 0.4, 900.0),
    ):  # fmt: skip
        write_wav(root / name, Waveform(tone(seconds, hz), RATE_HZ))
        source = Source(name, "", "CC BY 4.0" if name != "blue.wav" else "", "Ada")
        made.append(Sound(name, str(root), seconds, kind, tags=(colour,), mood=Mood(0.5, 0.5), source=source))  # type: ignore[arg-type]
    return made


class FakeEars:
    """Hears how well the sound agrees with anything (by default perfectly), and a class where its tone is played."""

    name, revision, modality, dim = "ears", "1", "audio", 4
    labels = {"audioset": ("Music", "Knock", "Door", "Rain")}  # noqa: RUF012
    traits = Traits(heads={"audioset": Head(clear=0.05)})

    def __init__(
        self, agrees: Callable[[Waveform], float] = lambda wave: 1.0, tone: str = "", least_s: float = 0.0
    ) -> None:
        """`tone`: the class that is heard where a sound of at least `least_s` plays `TONE_HZ`."""
        self.agrees, self.tone, self.least_s = agrees, tone, least_s

    def encode(self, items: list[Waveform]) -> list[Encoding]:
        return [Encoding(np.ones((len(s), 4), np.float32), {"audioset": s}, 0.1) for s in map(self._scores, items)]

    def _scores(self, wave: Waveform) -> NDArray[np.float32]:
        samples, hop = wave.samples[0], round(0.1 * wave.rate_hz)
        scores = np.full((max(1, len(samples) // hop), 4), self.agrees(wave), np.float32)
        scores[:, 0] = 0.0
        if self.tone and wave.duration_s >= self.least_s:
            turn = np.exp(2j * np.pi * TONE_HZ * np.arange(hop) / wave.rate_hz)
            whole = samples[: len(samples) // hop * hop].reshape(-1, hop)
            is_heard = np.resize(np.abs(whole @ turn) / hop > 0.02, len(scores))
            scores[is_heard] = 0.0
            scores[is_heard, self.labels["audioset"].index(self.tone)] = 0.99
        return scores


class Voice:
    """Finds speech where it is told to."""

    revision = "1"

    def __init__(self, speech: tuple[Span, ...]) -> None:
        self.speech = speech

    def speech_spans(self, sound: Recording, at: Callable[[float], None]) -> tuple[Span, ...]:
        at(sound.duration_s)
        return self.speech


class Splitter:
    """Takes everything for background."""

    def background(self, sound: Recording) -> Iterator[Samples]:
        return (block for _, block in sound.blocks())


class Louder(Voice):
    """Takes for speech each second that is louder than -40 dBFS."""

    def __init__(self) -> None:
        super().__init__(())

    def speech_spans(self, sound: Recording, at: Callable[[float], None]) -> tuple[Span, ...]:
        return tuple(
            Span(start / sound.rate_hz, (start + block.shape[1]) / sound.rate_hz)
            for start, block in sound.blocks(1.0)
            if float(np.sqrt(np.mean(block**2))) > 0.01
        )


def make_models(ears: FakeEars | None = None, speech: tuple[Span, ...] = (), detector: Voice | None = None) -> Models:
    """A pool that holds stand-ins only: whatever else is asked for can't be had."""
    weights: Any = SimpleNamespace(cache=None)
    models = Models(Profile("fake", "minilm", "efficientnet_lite2", ("ears",)), weights)
    fakes = {
        "minilm": Reader(), "efficientnet_lite2": Eyes(), "ears": ears or FakeEars(),
        "nanodet": SimpleNamespace(find=lambda pictures: [[] for _ in pictures]),
        "silero": detector or Voice(speech), "separator": Splitter(),
    }  # fmt: skip
    for name, fake in fakes.items():
        models.get(name, lambda _, fake=fake: fake)  # type: ignore[misc]
    return models


def score(
    shelf: Shelf, models: Models, story: Path, out: Path, watch: Watch | None = None, **asked: Any
) -> ScoreResult:
    """Runs the job with a library that is a shelf."""
    with patch.object(planning, "finder_of", lambda *_: (shelf, None)):
        return job.run(ScoreRequest(story, Path("library"), out, **asked), models, watch or Watch())


def plan(shelf: Shelf, models: Models, story: Path, sheet: Path, **asked: Any) -> PlanResult:
    """What `score` decides, without a film."""
    with patch.object(planning, "finder_of", lambda *_: (shelf, None)):
        return planning.run(PlanRequest(story, Path("library"), sheet, **asked), models, Watch())


def video(path: Path, colours: list[int], each_s: float, sound: Waveform | None, *, jitter: bool = False,
          size: tuple[int, int] = (160, 96)) -> Path:  # fmt: skip
    """A video of plain coloured scenes with a moving square; `jitter` gives uneven frame times."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        audio = None
        if sound is not None:
            audio = out.add_stream("aac", rate=RATE_HZ, layout="stereo", options={"aac_coder": "fast"})
        for i in range(round(len(colours) * each_s * FPS)):
            rgb = np.full((size[1], size[0], 3), 20, np.uint8)
            rgb[:, :, colours[int(i / FPS / each_s)]] = 200
            rgb[40:60, i % 100 : i % 100 + 20] = 255
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.time_base = Fraction(1, 1000)
            frame.pts = round(i * 1000 / FPS) + (15 * (i % 3) if jitter else 0)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound is not None and audio is not None:
            for at in range(0, sound.samples.shape[1], 1024):
                block = np.ascontiguousarray(sound.samples[:, at : at + 1024])
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                frame.rate, frame.pts, frame.time_base = RATE_HZ, at, Fraction(1, RATE_HZ)
                out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
    return path


def voice(seconds: float, spans: tuple[Span, ...]) -> Waveform:
    """A buzz with the rhythm of syllables where someone speaks, faint hiss elsewhere."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    rng = np.random.default_rng(0)
    on = np.zeros(len(t))
    for span in spans:
        on[(t >= span.start_s) & (t < span.end_s)] = 1
    buzz = 0.08 * on * np.sign(np.sin(2 * np.pi * 150 * t)) * np.abs(np.sin(2 * np.pi * 3 * t))
    return Waveform(np.tile((buzz + 1e-5 * rng.standard_normal(len(t))).astype(np.float32), (2, 1)), RATE_HZ)


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(container.streams.video[0]) if p.size]


def ends(path: Path) -> tuple[float, float]:
    with av.open(str(path)) as container:
        return tuple(float((s.start_time or 0) * s.time_base + s.duration * s.time_base) for s in container.streams)  # type: ignore[return-value]


SPEECH = (Span(2.5, 5.0), Span(5.5, 7.0), Span(12.0, 14.0))


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return video(tmp_path_factory.mktemp("v") / "talk.mp4", [0, 2], 8.5, voice(17.0, SPEECH))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return video(tmp_path_factory.mktemp("v") / "short.mp4", [0], 6.0, voice(6.0, SPEECH[:1]))
