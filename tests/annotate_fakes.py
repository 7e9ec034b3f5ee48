"""Eyes that know colours, ears that know a tone from silence, words of one letter: for tests of annotating."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storysound.config import load_profile
from storysound.encode import silero
from storysound.encode.detectors.boxes import Box
from storysound.encode.encoder import Encoder, Encoding, Head, Modality, Traits
from storysound.encode.pool import Models
from storysound.errors import MissingModelError
from storysound.jobs.annotate import annotate as job
from storysound.jobs.annotate.request import AnnotateConfig, AnnotateRequest, AnnotateResult
from storysound.media.audio import Waveform
from storysound.media.recording import Recording
from storysound.progress import Progress, Stop, Watch
from storysound.weights.resolver import Resolver

STEP_S = 0.5
COLOURS = ("red ball", "green apple", "blue car")


@dataclass
class Eyes:
    """Sees the strongest colour of a picture."""

    name: str = "colours"
    revision: str = "1"
    modality: Modality = "image"
    dim: int = 3
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"colours": COLOURS})
    traits: Traits = field(default_factory=Traits)

    def encode(self, items: Sequence[NDArray[np.uint8]]) -> list[Encoding]:
        means = [item.mean(axis=(0, 1), dtype=np.float32) for item in items]
        return [
            Encoding(m[None] / 255, {"colours": (np.eye(3)[m.argmax()] * 0.9)[None].astype(np.float32)}) for m in means
        ]


@dataclass
class Tones:
    """Hears a beep wherever it isn't silent."""

    name: str = "tones"
    revision: str = "1"
    modality: Modality = "audio"
    dim: int = 2
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"audioset": ("Beep, bleep", "Dog")})
    traits: Traits = field(default_factory=lambda: Traits(heads={"audioset": Head(usual=np.full(2, 0.1, np.float32))}))

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        return [self._heard(item) for item in items]

    def _heard(self, wave: Waveform) -> Encoding:
        size = round(STEP_S * wave.rate_hz)
        count = max(1, wave.samples.shape[1] // size)
        loud = [np.abs(wave.samples[0, n * size : (n + 1) * size]).max() > 0.01 for n in range(count)]
        scores = np.array([[0.9 if each else 0.0, 0.0] for each in loud], np.float32)
        return Encoding(np.zeros((count, 2), np.float32), {"audioset": scores}, STEP_S)


@dataclass
class Letters:
    """A text as how often it has each of some letters."""

    name: str = "letters"
    revision: str = "1"
    modality: Modality = "text"
    dim: int = 5
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    traits: Traits = field(default_factory=Traits)

    def encode(self, items: Sequence[str]) -> list[Encoding]:
        rows = [np.array([[item.lower().count(c) + 0.1 for c in "aeiou"]], np.float32) for item in items]
        return [Encoding(row / np.linalg.norm(row)) for row in rows]


class NoVoice:
    """Hears nobody speak."""

    name, revision = "nobody", "1"

    def probabilities(self, sound: Recording) -> NDArray[np.float32]:
        return np.zeros(round(sound.duration_s / silero.FRAME_S), np.float32)


class NoThings:
    """Finds nothing in a picture."""

    name, revision = "nothing", "1"

    def find(self, pictures: Sequence[NDArray[np.uint8]]) -> list[list[Box]]:
        return [[] for _ in pictures]


class FakeModels(Models):
    """Stand-ins for what annotating needs; `missing`: nothing is there."""

    def __init__(self, missing: str = "") -> None:
        super().__init__(load_profile("embedded"), Resolver(offline=True))
        self.missing = missing

    def __reduce__(self) -> tuple[object, ...]:
        return FakeModels, (self.missing,)

    @property
    def picture(self) -> Encoder[Any]:
        if self.missing:
            raise MissingModelError(self.missing)
        return Eyes()

    @property
    def audio(self) -> Mapping[str, Encoder[Any]]:
        return {"tones": Tones()}

    @property
    def text(self) -> Encoder[str]:
        return Letters()

    def get(self, name: str, load: Any) -> Any:
        stands_in = {"silero": NoVoice, "nanodet": NoThings, "lemmas": lambda: SimpleNamespace(of=str)}.get(name)
        return stands_in() if stands_in else super().get(name, load)


def annotate(
    inputs: Iterable[Path],
    out: Path,
    *,
    report: Any = None,
    stop: Stop | None = None,
    models: Models | None = None,
    clip_s: float = 2.0,
    **fields: Any,
) -> AnnotateResult:
    """The job, as whoever asks for it runs it; nobody ever measured what these eyes and ears say."""
    config = AnnotateConfig(clip_s=clip_s, unsupported="keep")
    with Watch(report, stop) as watch:
        return job.run(AnnotateRequest(tuple(inputs), out, config, **fields), models or FakeModels(), watch)


def stopping_after(count: int, stop: Stop) -> Any:
    """A report that sets `stop` when so many clips are done."""

    def report(now: Progress) -> None:
        if now.step == "captions" and now.done >= count:
            stop.set()

    return report
