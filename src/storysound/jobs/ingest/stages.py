"""The stages a story goes through, from the files of its clips to what a data set keeps of it.

Between stages a row has numbers and the path of its scratch folder, where sound and pictures lie as files.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storysound import __version__
from storysound.encode.encoder import Encoder
from storysound.engine.stages import Row, Stage, Work
from storysound.ingest import slices
from storysound.ingest.clusters import FLOOR, SIMILARITY, representatives
from storysound.ingest.look import LookConfig, Part, look
from storysound.library.analyse import sha256_of
from storysound.media.audio import Waveform, read_flac, write_flac
from storysound.media.image import from_jpeg
from storysound.story import Step

Pixels = NDArray[np.uint8]

AUDIO, BACKGROUND = "audio.flac", "background.flac"
_SPAN = pa.struct([("start_s", pa.float64()), ("end_s", pa.float64())])
PART = pa.struct([("file", pa.string()), ("start_s", pa.float64()), ("end_s", pa.float64())])
SCHEMA = pa.schema([("work", pa.string()), ("parts", pa.list_(PART))])
_LOOKED = pa.schema(
    [
        ("used", pa.list_(pa.struct([("number", pa.int64()), *_SPAN]))),
        ("files", pa.list_(pa.struct([("sha256", pa.string()), ("size", pa.int64()), ("mtime_ns", pa.int64())]))),
        ("shots", pa.list_(_SPAN)),
        ("picture_times_s", pa.list_(pa.float64())),
        ("duration_s", pa.float64()),
        ("rate_hz", pa.int32()),
        ("channels", pa.int32()),
        ("faults", pa.list_(pa.string())),
    ]
)
_CHOSEN = pa.schema([("frame_numbers", pa.list_(pa.int64())), ("frame_times_s", pa.list_(pa.float64()))])
_SLICED = pa.schema([("slices", pa.list_(pa.struct([*_SPAN, ("mean_hz", pa.float64())])))])


class Splitter(Protocol):
    """Parts speech from the rest."""

    revision: str

    def split(self, wave: Waveform) -> tuple[Waveform, Waveform]:
        """(background, speech) of the form and length of `wave`."""
        ...


@dataclass(frozen=True)
class Tools:
    """The networks, made in each worker that needs them; both makers must pickle."""

    picture: Callable[[], Encoder[Pixels]]
    splitter: Callable[[], Splitter]


@dataclass(frozen=True)
class Config:
    """What decides how a story turns out."""

    look: LookConfig = field(default_factory=LookConfig)
    similarity: float = SIMILARITY
    floor: float = FLOOR
    slice_s: float = slices.LONGEST_S
    floor_hz: float = slices.FLOOR_HZ

    def __post_init__(self) -> None:
        if not 0 <= self.similarity <= 1 or self.floor < 0:
            raise ValueError(f"needs similarity in [0, 1] and floor >= 0, got {self.similarity}, {self.floor}")
        if self.slice_s <= 0 or self.floor_hz < 0:
            raise ValueError(f"needs slice_s > 0 and floor_hz >= 0, got {self.slice_s}, {self.floor_hz}")

    @classmethod
    def paper(cls, similarity: float = SIMILARITY) -> "Config":
        """As the paper's own scripts: ten pictures a second, and no floor under the cut."""
        return cls(LookConfig(frames_per_s=10.0), similarity, floor=0.0)


def stages(config: Config, tools: Tools) -> tuple[Stage, ...]:
    """All stages in order."""
    return (
        Stage("look", partial(_looker, config.look), ("work", "parts"), _LOOKED),
        Stage("key frames", partial(_chooser, config, tools.picture), ("work", "picture_times_s"), _CHOSEN),
        Stage("background", partial(_splitter, config, tools.splitter), ("work", "frame_times_s"), _SLICED),
    )


def settings(config: Config, picture: Encoder[Pixels], splitter: Splitter) -> dict[str, str]:
    """What all stories of a data set have in common, in words."""
    flat = asdict(config)
    numbers = flat.pop("look") | flat
    own = {name: f"{value:g}" for name, value in numbers.items()}
    return own | {"fingerprint": f"{picture.name} {picture.revision}", "speech_removal": splitter.revision}


def steps(made_with: Mapping[str, str]) -> tuple[Step, ...]:
    """The stages as provenance."""

    def sha(*names: str) -> str:
        text = json.dumps({name: made_with[name] for name in names}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    return (
        Step("look", __version__, sha("frames_per_s", "most_frames", "side_px")),
        Step(f"key frames by {made_with['fingerprint']}", __version__, sha("similarity", "floor")),
        Step(f"speech removal by {made_with['speech_removal']}", __version__),
        Step("slices", __version__, sha("slice_s", "floor_hz")),
    )


def picture_file(work: Path, number: int) -> Path:
    """Where the picture of that number lies."""
    return work / f"{number:05d}.jpg"


def _looker(config: LookConfig) -> Work:
    def run(row: Row) -> Row:
        work = Path(row["work"])
        work.mkdir(parents=True, exist_ok=True)
        seen = look([Part(**part) for part in row["parts"]], config)
        write_flac(work / AUDIO, seen.audio)
        for number, (_, jpeg) in enumerate(seen.pictures):
            picture_file(work, number).write_bytes(jpeg)
        return {
            "used": [{"number": number, **vars(span)} for number, span in seen.parts],
            "files": [_file(part["file"]) for part in row["parts"]],
            "shots": [vars(shot) for shot in seen.shots],
            "picture_times_s": [time_s for time_s, _ in seen.pictures],
            "duration_s": seen.duration_s,
            "rate_hz": seen.audio.rate_hz,
            "channels": seen.audio.channels,
            "faults": list(seen.faults),
        }

    return run


def _file(file: str) -> dict[str, Any]:
    status = Path(file).stat()
    return {"sha256": sha256_of(file), "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _chooser(config: Config, make: Callable[[], Encoder[Pixels]]) -> Work:
    encoder = make()

    def run(row: Row) -> Row:
        times_s: Sequence[float] = row["picture_times_s"]
        work = Path(row["work"])
        vectors = []
        for number in range(len(times_s)):  # one at a time: memory is one picture
            (encoding,) = encoder.encode([from_jpeg(picture_file(work, number).read_bytes())])
            vectors.append(encoding.embedding[0])
        chosen = representatives(np.stack(vectors), config.similarity, config.floor).tolist()
        return {"frame_numbers": chosen, "frame_times_s": [times_s[number] for number in chosen]}

    return run


def _splitter(config: Config, make: Callable[[], Splitter]) -> Work:
    splitter = make()

    def run(row: Row) -> Row:
        work = Path(row["work"])
        audio = read_flac(work / AUDIO)
        background, _ = splitter.split(audio)
        if background.samples.shape != audio.samples.shape or background.rate_hz != audio.rate_hz:
            raise AssertionError(f"background {background.samples.shape} for audio {audio.samples.shape}")
        write_flac(work / BACKGROUND, background)
        found = slices.slices(background, row["frame_times_s"], config.slice_s, config.floor_hz)
        return {"slices": [{**vars(each.span), "mean_hz": each.mean_hz} for each in found]}

    return run
