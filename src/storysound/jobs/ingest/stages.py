"""The stages a story goes through, from the files of its clips to what a data set keeps of it.

Between stages a row has numbers and the path of its scratch folder, where sound and pictures lie as files.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from storysound import __version__, progress
from storysound.encode.pool import Models
from storysound.engine.stage import Row, Stage
from storysound.ingest import slices
from storysound.ingest.clusters import representatives
from storysound.ingest.look import LookConfig, Part, decode_parts
from storysound.jobs.ingest.request import Config
from storysound.media.audio import read_flac, write_flac
from storysound.media.content import sha256_of
from storysound.media.image import from_jpeg
from storysound.story import Step
from storysound.weights.resolver import Resolver

if TYPE_CHECKING:
    from storysound.encode.separator import Separator

AUDIO, BACKGROUND = "audio.flac", "background.flac"
KEY_FRAMES, SPEECH_REMOVAL = "key frames", "speech removal"
_LOOK_GIVES = ("used", "files", "shots", "picture_times_s", "duration_s", "rate_hz", "channels", "faults")


def stages(config: Config, models: Models) -> tuple[Stage, ...]:
    """All stages in order: in this process with `models` themselves, in others with models of their own."""
    chosen = ("frame_numbers", "frame_times_s")
    return (
        Stage("look", partial(Look, config.look), ("work", "parts"), _LOOK_GIVES),
        Stage(KEY_FRAMES, partial(KeyFrames, config, models), ("work", "picture_times_s"), chosen),
        Stage(SPEECH_REMOVAL, partial(SpeechRemoval, config, models), ("work", "frame_times_s"), ("slices",)),
    )


def settings(config: Config, fingerprint: str, speech_removal: str) -> dict[str, str]:
    """What all stories of a data set have in common, in words."""
    flat = asdict(config)
    numbers = flat.pop("look") | flat
    own = {name: f"{value:g}" for name, value in numbers.items()}
    return own | {"fingerprint": fingerprint, "speech_removal": speech_removal}


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


class Look:
    """Decodes the clips of a row once, into files of its folder `work`."""

    def __init__(self, config: LookConfig) -> None:
        """`config`: how pictures are sampled."""
        self._config = config

    def __call__(self, row: Row) -> Row:
        """Raises MediaError where no clip can be used."""
        work = Path(row["work"])
        work.mkdir(parents=True, exist_ok=True)
        seen = decode_parts([Part(**part) for part in row["parts"]], self._config)
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


def _file(file: str) -> dict[str, Any]:
    status = Path(file).stat()
    return {"sha256": sha256_of(file), "size": status.st_size, "mtime_ns": status.st_mtime_ns}


class KeyFrames:
    """Chooses pictures that differ in what they show."""

    def __init__(self, config: Config, models: Models) -> None:
        """Raises MissingModelError."""
        self._config, self._encoder = config, models.picture

    @property
    def fingerprint(self) -> str:
        """The encoder whose vectors tell pictures apart."""
        return f"{self._encoder.name} {self._encoder.revision}"

    def __call__(self, row: Row) -> Row:
        """Numbers and times of the key frames."""
        times_s: Sequence[float] = row["picture_times_s"]
        work = Path(row["work"])
        vectors = []
        for number in range(len(times_s)):  # one at a time: memory is one picture
            progress.check()
            (encoding,) = self._encoder.encode([from_jpeg(picture_file(work, number).read_bytes())])
            vectors.append(encoding.embedding[0])
        chosen = representatives(np.stack(vectors), self._config.similarity, self._config.floor).tolist()
        return {"frame_numbers": chosen, "frame_times_s": [times_s[number] for number in chosen]}


class SpeechRemoval:
    """Takes speech out of the sound, and cuts what is left at key frames."""

    def __init__(self, config: Config, models: Models) -> None:
        """Raises MissingModelError."""
        self._config, self._separator = config, models.get("separator", _separator)

    @property
    def revision(self) -> str:
        """Of what parts speech from the rest."""
        return self._separator.revision

    def __call__(self, row: Row) -> Row:
        """Slices of the background, which is written beside the sound."""
        work = Path(row["work"])
        audio = read_flac(work / AUDIO)
        background, _ = self._separator.split(audio)
        if background.samples.shape != audio.samples.shape or background.rate_hz != audio.rate_hz:
            raise AssertionError(f"background {background.samples.shape} for audio {audio.samples.shape}")
        write_flac(work / BACKGROUND, background)
        found = slices.slices(background, row["frame_times_s"], self._config.slice_s, self._config.floor_hz)
        return {"slices": [{**vars(each.span), "mean_hz": each.mean_hz} for each in found]}


def _separator(weights: Resolver) -> "Separator":
    from storysound.encode import separator  # the light stages need no torch

    return separator.load(weights)
