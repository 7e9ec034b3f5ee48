"""Tiny films, a fingerprint that is the mean colour, and a splitter that halves: for tests of ingesting."""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from storysound.config import load_profile
from storysound.encode.encoder import Encoding, Modality
from storysound.encode.pool import Models
from storysound.errors import MissingModelError
from storysound.jobs.ingest import ingest as job
from storysound.jobs.ingest.request import IngestRequest, IngestResult
from storysound.media.audio import Waveform
from storysound.progress import Progress, Stop, Watch
from storysound.weights.resolver import Resolver

FPS, RATE_HZ = 10, 16_000
RED, GREEN, BLUE, GREY = (220, 30, 30), (30, 200, 30), (30, 30, 220), (128, 128, 128)
LOG = "STORYSOUND_TEST_LOG"  # a file that gets a line for every sound that is split
KILL_AT = "STORYSOUND_TEST_KILL_AT"  # the sound at which the program is killed


def film(
    path: Path,
    scenes: Sequence[tuple[tuple[int, int, int], float]],
    *,
    hz: float | None = 440.0,
    sound_s: float | None = None,
    tags: Mapping[str, str] | None = None,
) -> Path:
    """Chequers of one colour for so many seconds each, with a tone; `hz` None: without a sound stream."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        out.metadata.update(tags or {})
        video = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = None if hz is None else out.add_stream("aac", rate=RATE_HZ, layout="mono")
        count = 0
        for colour, seconds in scenes:
            for _ in range(round(seconds * FPS)):
                shades = np.random.default_rng(colour).uniform(0.4, 1, (6, 8, 1)).repeat(8, axis=0).repeat(8, axis=1)
                picture = (shades * colour).astype(np.uint8)
                frame = av.VideoFrame.from_ndarray(picture)
                frame.pts, frame.time_base = count, Fraction(1, FPS)
                out.mux(video.encode(frame))
                count += 1
        out.mux(video.encode(None))
        if audio is not None and hz is not None:
            time_s = np.arange(round((sound_s or count / FPS) * RATE_HZ)) / RATE_HZ
            samples = (0.3 * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)[None]
            for start in range(0, samples.shape[1], 1024):
                block = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(samples[:, start : start + 1024]), format="fltp", layout="mono"
                )
                block.sample_rate, block.pts, block.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
                out.mux(audio.encode(block))
            out.mux(audio.encode(None))
    return path


@dataclass
class MeanColour:
    """A picture's mean colour, in [0, 1]."""

    name: str = "colour"
    revision: str = "1"
    modality: Modality = "image"
    dim: int = 3
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def encode(self, items: Sequence[NDArray[np.uint8]]) -> list[Encoding]:
        return [Encoding(item.mean(axis=(0, 1), dtype=np.float32)[None] / 255) for item in items]


class Colours(MeanColour):
    """Recognises whether a picture is more red than blue."""

    def __init__(self) -> None:
        super().__init__(labels={"colours": ("red", "other")})

    def encode(self, items: Sequence[NDArray[np.uint8]]) -> list[Encoding]:
        return [
            replace(one, scores={"colours": np.array([[red > blue, red <= blue]], np.float32)})
            for one in super().encode(items)
            for red, _, blue in one.embedding
        ]


class Halves:
    """Calls half of every sound speech."""

    revision = "halves-1"

    def split(self, wave: Waveform) -> tuple[Waveform, Waveform]:
        log = os.environ.get(LOG)
        if log:
            with Path(log).open("a") as file:
                file.write("split\n")
            kill_at, count = int(os.environ.get(KILL_AT, "0")), len(Path(log).read_text().splitlines())
            if kill_at and count >= kill_at:
                with suppress(ProcessLookupError):
                    os.kill(int(os.environ["STORYSOUND_TEST_PID"]), 9)
                time.sleep(5)  # busy, until it is ended
        half = Waveform(wave.samples / 2, wave.rate_hz)
        return half, half


class FakeModels(Models):
    """Stand-ins for what ingesting needs; `missing`: nothing is there."""

    def __init__(self, missing: str = "") -> None:
        super().__init__(load_profile("embedded"), Resolver(offline=True))
        self.missing = missing

    def __reduce__(self) -> tuple[object, ...]:
        return FakeModels, (self.missing,)

    @property
    def picture(self) -> MeanColour:
        if self.missing:
            raise MissingModelError(self.missing)
        return MeanColour()

    def get(self, name: str, load: object) -> Halves:
        assert name == "separator"
        return Halves()


def ingest(
    videos: Iterable[Path],
    data: Path,
    models: Models | None = None,
    *,
    report: Callable[[Progress], None] | None = None,
    stop: Stop | None = None,
    **fields: Any,
) -> IngestResult:
    """The job, as whoever asks for it runs it."""
    with Watch(report, stop) as watch:
        return job.run(IngestRequest(tuple(videos), data, **fields), models or FakeModels(), watch)
