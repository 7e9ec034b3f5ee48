"""One decode of a story's clips: shots, pictures to choose key frames from, and sound of exactly their length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from storysound.errors import MediaError
from storysound.ingest.shots import detect_shots
from storysound.media.audio import Waveform, read_audio, resample
from storysound.media.film.mux import picture_end_s
from storysound.media.image import to_jpeg
from storysound.media.video import VideoFrame, iter_shown
from storysound.story import Span

SHOT_STEP_S = 0.1  # the shot detector looks this often
_SHOT_SIDE_PX = 160
LONGEST_S = 3600.0  # sound is held in memory


@dataclass(frozen=True)
class LookConfig:
    """How pictures are sampled."""

    frames_per_s: float = 2.0  # the paper's own scripts take min(fps, 10)
    most_frames: int = 3000  # of one story; where it is longer, frames are farther apart (memory grows with the square)
    side_px: int = 480  # longer side of the pictures that are kept

    def __post_init__(self) -> None:
        if not 0 < self.frames_per_s <= 1 / SHOT_STEP_S:
            raise ValueError(f"frames_per_s must lie in (0, {1 / SHOT_STEP_S:g}], got {self.frames_per_s}")
        if self.most_frames < 1 or self.side_px < 16:
            raise ValueError(f"needs most_frames >= 1 and side_px >= 16, got {self.most_frames}, {self.side_px}")


@dataclass(frozen=True)
class Part:
    """A stretch of a video file; `end_s` None: until its last picture ends."""

    file: str
    start_s: float = 0.0
    end_s: float | None = None


@dataclass(frozen=True)
class DecodedParts:
    """What was seen and heard, on the clock of the story: its parts one after the other."""

    parts: tuple[tuple[int, Span], ...]  # number of each part that could be used, and where in the story it is
    shots: tuple[Span, ...]  # tile [0, duration_s)
    pictures: tuple[tuple[float, bytes], ...]  # (time, JPEG), in time order
    audio: Waveform  # of round(duration_s * rate_hz) samples, mono or stereo
    faults: tuple[str, ...]  # what could not be used

    @property
    def duration_s(self) -> float:
        """Length of the pictures, and of the sound."""
        return self.parts[-1][1].end_s


def decode_parts(parts: Sequence[Part], config: LookConfig | None = None) -> DecodedParts:
    """Decodes each part once.

    A part whose pictures can't be decoded is left out, one without usable sound is silent; `faults` says so.
    Raises MediaError where no part can be used, none has sound, or the story would last longer than an hour.
    """
    config = config or LookConfig()
    faults: list[MediaError] = []
    ends: list[tuple[int, float]] = []
    for number, part in enumerate(parts):
        try:
            ends.append((number, _length_s(part)))
        except MediaError as error:
            faults.append(error)
    total_s = sum(length_s for _, length_s in ends)
    if total_s > LONGEST_S:
        do = "give captions with times and join clips to stories of 150 s, or cut it"
        raise MediaError(
            parts[0].file, f"is a story of {total_s / 60:.0f} minutes, {LONGEST_S / 60:.0f} is the most", do
        )
    every_s = max(1 / config.frames_per_s, total_s / config.most_frames)
    used: list[tuple[int, Span]] = []
    shots: list[Span] = []
    pictures: list[tuple[float, bytes]] = []
    at_s = 0.0
    for number, length_s in ends:
        try:
            found, kept = watch(parts[number], length_s, every_s, config.side_px)
        except MediaError as error:
            faults.append(error)
            continue
        used.append((number, Span(at_s, at_s + length_s)))
        shots += [Span(at_s + shot.start_s, at_s + shot.end_s) for shot in found]
        pictures += [(at_s + time_s, jpeg) for time_s, jpeg in kept]
        at_s += length_s
    if not used:
        raise faults[0]
    audio = _listen([(parts[number], span) for number, span in used], faults)
    return DecodedParts(tuple(used), tuple(shots), tuple(pictures), audio, tuple(map(str, faults)))


def _length_s(part: Part) -> float:
    there_s = picture_end_s(part.file)
    end_s = there_s if part.end_s is None else min(part.end_s, there_s)
    if end_s <= part.start_s:
        raise MediaError(
            part.file, f"ends at {there_s:.1f} s, before the clip at {part.start_s:.1f} s begins", "cut it anew"
        )
    return end_s - part.start_s


def watch(part: Part, length_s: float, every_s: float, side_px: int) -> tuple[list[Span], list[tuple[float, bytes]]]:
    """Shots of a part, and the first picture of each stretch of `every_s`, on the part's own clock."""
    kept: list[tuple[float, bytes]] = []

    def small() -> Iterator[VideoFrame]:
        last_cell = -1
        end_s = part.start_s + length_s
        frames = iter_shown(part.file, every_s=SHOT_STEP_S, start_s=part.start_s, end_s=end_s, one_thread=True)
        for shown in frames:
            time_s = max(0.0, shown.time_s - part.start_s)
            cell = int(time_s / every_s + 1e-6)
            if cell > last_cell:
                last_cell = cell
                kept.append((time_s, to_jpeg(shown.rgb(side_px))))
            yield VideoFrame(time_s, shown.rgb(_SHOT_SIDE_PX, quick=True))

    return list(detect_shots(small(), length_s)), kept


def _listen(parts: Sequence[tuple[Part, Span]], faults: list[MediaError]) -> Waveform:
    """The sound of all parts, each in its place to the sample, in the rate and channels of the first that has any."""
    heard: list[Waveform | None] = []
    first: MediaError | None = None
    for part, span in parts:
        try:
            wave = read_audio(part.file, start_s=part.start_s, end_s=part.start_s + span.duration_s)
            heard.append(wave if wave.channels <= 2 else _to_two(part, span))
        except MediaError as error:
            first = first or error
            faults.append(error)
            heard.append(None)
    sounding = [wave for wave in heard if wave is not None]
    if first is not None and not sounding:
        raise first
    rate, channels = sounding[0].rate_hz, max(wave.channels for wave in sounding)
    total = round(parts[-1][1].end_s * rate)
    joined = np.zeros((channels, total), np.float32)
    for (_, span), own in zip(parts, heard, strict=True):
        if own is not None:
            start, end = round(span.start_s * rate), round(span.end_s * rate)
            samples = resample(own, rate).samples[:, : end - start]
            joined[:, start : start + samples.shape[1]] = samples
    return Waveform(joined, rate)


def _to_two(part: Part, span: Span) -> Waveform:
    """Surround sound, its loudspeakers in their places."""
    return read_audio(part.file, channels=2, start_s=part.start_s, end_s=part.start_s + span.duration_s)
