"""Speech out of a sound or a video: what is left, and the speech itself, each of exactly the length of the original."""

from dataclasses import dataclass
from pathlib import Path

from storysound.encode import separator
from storysound.errors import UsageError
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.media.files import check_readable, check_target
from storysound.media.mux import mux_copy
from storysound.weights.resolver import Resolver

SOUND = (".wav",)
VIDEO = (".mp4", ".m4v", ".mov", ".mkv", ".webm")


@dataclass(frozen=True)
class SplitReport:
    """What was written."""

    background: str
    speech: str  # empty when it was not asked for
    duration_s: float
    rate_hz: int
    channels: int


def split_speech(source: Path, background: Path, speech: Path | None, weights: Resolver) -> SplitReport:
    """Writes `source` without its speech to `background`, and the speech alone to `speech` where given.

    Outputs are 24-bit WAV of the source's rate, channels and number of samples, or, for a name that ends like a
    video, a copy of the source's pictures with that sound. Nothing is written unless all of the sound was split.
    Raises MediaError for a source without usable sound, UsageError for names that can't be written,
    OutputError as the writers, MissingModelError without weights.
    """
    outputs = [path for path in (background, speech) if path is not None]
    check_readable(source)
    _check_names(source, outputs)
    wave = read_audio(source)
    parts = separator.load(weights).split(wave)
    for path, part in zip(outputs, parts, strict=False):
        _write(source, part, path)
    return SplitReport(str(background), str(speech or ""), wave.duration_s, wave.rate_hz, wave.channels)


def _check_names(source: Path, outputs: list[Path]) -> None:
    for path in outputs:
        if path.suffix.lower() not in SOUND + VIDEO:
            raise UsageError(f"{path}: a name that ends in {', '.join(SOUND + VIDEO)} is wanted")
        check_target(path, source)
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise UsageError(f"{outputs[0]}: background and speech can't go to one file")


def _write(source: Path, wave: Waveform, path: Path) -> None:
    if path.suffix.lower() in VIDEO:
        mux_copy(source, wave, path)
    else:
        write_wav(path, wave)
