"""What a story to be scored looks and sounds like: a video, or a folder of pictures with a text.

A video is decoded once: the stream of small frames feeds the shot detector, and every half second the sharpest of
them is kept, from which the key frames are taken when the shots are known.
"""

import logging
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storysound.errors import MediaError
from storysound.ingest.keyframes import key_frames, sharpness
from storysound.ingest.shots import detect_shots
from storysound.media.audio import Waveform, read_audio
from storysound.media.files import natural_key, read_text
from storysound.media.image import from_jpeg, read_image, to_jpeg
from storysound.media.mux import picture_end_s
from storysound.media.probe import probe
from storysound.media.video import VideoFrame, iter_frames
from storysound.story import Span

log = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]

RATE_HZ = 48_000
LOOK_S = 0.1  # a frame is looked at this often, for cuts
KEEP_S = 0.5  # and one is kept this often, for key frames
SIDE_PX = 320  # of kept frames; picture encoders look at 224 to 260
LONGEST_UNIT_S = 15.0  # a longer shot is understood in parts: much can change in it
FEW_UNITS = 8  # so few get two pictures each

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
WORDS_PER_S = 2.5  # unhurried reading
SHORTEST_S, LONGEST_S, WORDLESS_S = 4.0, 12.0, 5.0  # how long a picture stays


@dataclass(frozen=True)
class Footage:
    """A story in time. `units` tile [0, duration_s): shots, the long ones in parts."""

    title: str
    duration_s: float
    fps: float
    shots: tuple[Span, ...]
    units: tuple[Span, ...]
    pictures: tuple[tuple[Pixels, ...], ...]  # per unit, at least one
    times_s: tuple[float, ...]  # of all pictures, unit by unit
    texts: tuple[str, ...]  # per unit what the user says about it, mostly empty
    original: Waveform | None = None  # stereo at RATE_HZ; None where there is no sound stream
    stills: tuple[Path, ...] = ()  # pictures of a slideshow; empty for a video
    faults: tuple[str, ...] = ()  # what could not be used

    @property
    def samples(self) -> int:
        """Length of the sound to make, in samples."""
        return round(self.duration_s * RATE_HZ)


def read_video(path: Path) -> Footage:
    """Looks at and listens to a video.

    Raises MediaError: missing, empty, no video, without a single picture that decodes. A sound stream that can't be
    decoded counts as absent, with a warning.
    """
    info = probe(path)
    if info.video is None:
        raise MediaError(path, "has no video stream", "give a video, or a folder of pictures with a story.txt")
    duration_s = picture_end_s(path)
    kept: list[tuple[float, bytes]] = []
    shots = detect_shots(_small(_keeping(path, kept)), duration_s)
    fps = info.video.fps or 25.0
    shots = tuple(Span(s.start_s, min(s.end_s, duration_s)) for s in shots if s.start_s < duration_s)
    units = split_long(shots or (Span(0.0, duration_s),))
    pictures, times = _pictures(kept, units)
    original, faults = None, []
    if info.audio:
        try:
            original = read_audio(path, rate_hz=RATE_HZ, channels=2)
        except MediaError as error:
            faults.append(f"its own sound is left out: {error}")
    there_s = max(duration_s, original.duration_s if original else 0.0)
    if there_s + 1.0 < info.duration_s:
        faults.append(f"the video is cut short: {there_s:.1f} s of {info.duration_s:.1f} s are there")
    for fault in faults:
        log.warning("%s: %s", path, fault)
    title = " ".join(info.tags.get("title", "").split()) or path.stem
    return Footage(
        title, duration_s, fps, shots, units, pictures, times, ("",) * len(units), original, faults=tuple(faults)
    )


def _keeping(path: Path, kept: list[tuple[float, bytes]]) -> Iterator[VideoFrame]:
    """Frames of the video in order; the sharpest of each cell of KEEP_S is put into `kept`, as JPEG to save memory."""
    cell, best, best_frame = -1, -1.0, None
    for frame in iter_frames(path, every_s=LOOK_S, max_side=SIDE_PX):
        if int(frame.time_s / KEEP_S) != cell:
            if best_frame is not None:
                kept.append((best_frame.time_s, to_jpeg(best_frame.rgb)))
            cell, best = int(frame.time_s / KEEP_S), -1.0
        value = sharpness(frame.rgb[::2, ::2])
        if value > best:
            best, best_frame = value, frame
        yield frame
    if best_frame is not None:
        kept.append((best_frame.time_s, to_jpeg(best_frame.rgb)))


def _small(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """Frames at half size: all that the shot detector needs."""
    return (VideoFrame(frame.time_s, np.ascontiguousarray(frame.rgb[::2, ::2])) for frame in frames)


def _pictures(
    kept: list[tuple[float, bytes]], units: tuple[Span, ...]
) -> tuple[tuple[tuple[Pixels, ...], ...], tuple[float, ...]]:
    """Per unit its key frames, and the times of all; a unit without any borrows the nearest kept frame."""
    decoded = (VideoFrame(time_s, from_jpeg(data)) for time_s, data in kept)
    found = key_frames(decoded, units, per_shot=2 if len(units) < FEW_UNITS else 1)
    own: list[list[tuple[float, Pixels]]] = [[] for _ in units]
    for key in found:
        own[key.shot].append((key.time_s, key.rgb))
    for unit, pictures in zip(units, own, strict=True):
        if not pictures:
            middle = (unit.start_s + unit.end_s) / 2
            time_s, data = min(kept, key=lambda k: abs(k[0] - middle))
            pictures.append((time_s, from_jpeg(data)))
    times = tuple(time_s for pictures in own for time_s, _ in pictures)
    return tuple(tuple(rgb for _, rgb in pictures) for pictures in own), times


def split_long(shots: tuple[Span, ...], longest_s: float = LONGEST_UNIT_S) -> tuple[Span, ...]:
    """Shots, those longer than `longest_s` in equal parts.

    >>> split_long((Span(0, 20), Span(20, 25)))
    (Span(start_s=0.0, end_s=10.0), Span(start_s=10.0, end_s=20.0), Span(start_s=20.0, end_s=25.0))
    """
    units = []
    for shot in shots:
        edges = np.linspace(shot.start_s, shot.end_s, max(1, math.ceil(shot.duration_s / longest_s)) + 1).tolist()
        units += [Span(a, b) for a, b in pairwise(edges)]
    return tuple(units)


def read_folder(folder: Path) -> Footage:
    """Pictures of a folder in name order, each with its share of story.txt.

    Paragraphs (parted by blank lines) go to pictures in order; with unequal counts they are spread evenly. A picture
    stays as long as its words take to read, 4 to 12 seconds.
    Raises MediaError where there are no pictures or one can't be read, InputError for a text that can't be read.
    """
    try:
        stills = picture_files(folder)
        text_file = folder / "story.txt"
        text = read_text(text_file) if text_file.exists() else ""
    except OSError as error:
        raise MediaError(folder, f"can't be read: {error.strerror}", "check its rights") from error
    if not stills:
        kinds = ", ".join(sorted(s[1:] for s in PICTURE_SUFFIXES))
        raise MediaError(folder, "has no pictures in it", f"put some there ({kinds}) beside story.txt")
    texts, lengths = spread(paragraphs(text), len(stills))
    edges = np.concatenate([[0.0], np.cumsum(lengths)]).tolist()
    shots = tuple(Span(a, b) for a, b in pairwise(edges))
    pictures = tuple((read_image(p, max_side=SIDE_PX),) for p in stills)
    middles = tuple((s.start_s + s.end_s) / 2 for s in shots)
    title = folder.resolve().name
    return Footage(title, edges[-1], 25.0, shots, shots, pictures, middles, texts, None, tuple(stills))


def picture_files(folder: Path) -> list[Path]:
    """Pictures of a folder in name order, hidden ones left out. Raises OSError."""
    shown = (p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES and not p.name.startswith("."))
    return sorted(shown, key=natural_key)


def paragraphs(text: str) -> list[str]:
    r"""Paragraphs of a text, each as one line.

    >>> paragraphs("One\ntwo.\n\n\nThree.")
    ['One two.', 'Three.']
    """
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n")) if part.strip()]


def spread(parts: list[str], count: int) -> tuple[tuple[str, ...], list[float]]:
    """(text, seconds) of `count` pictures from the paragraphs of a story.

    More paragraphs than pictures: neighbours share one. Fewer: a paragraph stays for several pictures, which share
    its reading time.

    >>> spread(["a " * 20, "b " * 10], 3)[1]
    [4.0, 4.0, 4.0]
    """
    if not parts:
        return ("",) * count, [WORDLESS_S] * count
    if len(parts) >= count:
        bounds = [round(i * len(parts) / count) for i in range(count + 1)]
        texts = [" ".join(parts[a:b]) for a, b in pairwise(bounds)]
        words = [float(len(t.split())) for t in texts]
    else:
        owner = [min(i * len(parts) // count, len(parts) - 1) for i in range(count)]
        texts = [parts[o] for o in owner]
        words = [len(parts[o].split()) / owner.count(o) for o in owner]
    return tuple(texts), [min(max(w / WORDS_PER_S, SHORTEST_S), LONGEST_S) for w in words]
