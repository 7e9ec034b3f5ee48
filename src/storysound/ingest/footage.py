"""A story with what it looks and sounds like: the one reader of videos, folders of pictures, texts and sounds.

A video is decoded once: the stream of small frames feeds the shot detector, and every half second the sharpest of
them is kept, from which the key frames are taken when the shots are known.
"""

import logging
import math
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from storysound import __version__
from storysound.errors import MediaError
from storysound.ingest.keyframes import key_frames, sharpness
from storysound.ingest.kinds import kind_of, sound_story, text_story
from storysound.ingest.pictures import FILM_SUFFIXES, Page, Show, pages_of, shown_files
from storysound.ingest.shots import detect_shots
from storysound.media.arrays import RATE_HZ, Pixels
from storysound.media.film.mux import picture_end_s
from storysound.media.image import Jpegs, from_jpeg, read_image, to_jpeg
from storysound.media.motion import MotionMeter
from storysound.media.probe import probe
from storysound.media.recording import Recording, laid, record_audio
from storysound.media.video import VideoFrame, iter_frames
from storysound.progress import Watch, check, unless_stopped
from storysound.story import Frame, Source, Span, Step, Story

log = logging.getLogger(__name__)

LOOK_S = 0.1  # a frame is looked at this often, for cuts
KEEP_S = 0.5  # and one is kept this often, for key frames
SIDE_PX = 320  # of kept frames; picture encoders look at 224 to 260
LONGEST_UNIT_S = 15.0  # a longer shot is understood in parts: much can change in it
_KEPT_BYTES = 16 << 20  # of pictures in memory; twenty minutes of a film
FEW_UNITS = 8  # so few get two pictures each
UNDER_NARRATION_DB = 12.0  # films among pictures are softer by this much while a narration tells the story


@dataclass(frozen=True)
class Footage:
    """A story with its pixels and samples beside it."""

    story: Story
    # Per unit at least one, uint8 [h w 3]; in order those of `story.frames`. None of a text or a sound.
    pictures: tuple[Sequence[Pixels], ...]
    original: Recording | None = None  # in its own layout at RATE_HZ; None where there is no sound stream
    pages: tuple[Page, ...] = ()  # of a folder: its pictures and films
    motion: tuple[float | None, ...] = ()  # of each unit, by `media.motion`; None of a still, () of none at all

    @property
    def each(self) -> Sequence[Pixels]:
        """All pictures uint8 [h w 3], unit by unit."""
        own = [unit for unit in self.pictures if isinstance(unit, Jpegs)]
        if len(own) == len(self.pictures):
            return Jpegs(tuple(chain.from_iterable(unit.files for unit in own)))
        return tuple(chain.from_iterable(self.pictures))

    @property
    def times_s(self) -> tuple[float, ...]:
        """When each picture is shown, unit by unit."""
        return tuple(frame.time_s for frame in self.story.frames)


def read_footage(
    path: Path, watch: Watch | None = None, track: int = 0, *, show: Show | None = None, about: str = ""
) -> Footage:
    """Looks at and listens to a story of any kind (`kinds.kind_of`); `track`: which of its sounds.

    `show`: how long each picture of a folder stays; `about`: what is said of the whole, which is all that is told of a
    sound. A picture of a folder that can't be read is left out, and the story's faults say so. Raises MediaError:
    missing, empty, no media, without a single picture that decodes, a sound or a narration that doesn't. A film's sound
    that can't be decoded counts as absent, with a warning. InputError for a text that can't be read.
    """
    watch, kind = watch or Watch(), kind_of(path)
    if kind == "pictures":
        return _read_folder(path, watch, show or Show())
    if kind == "text":
        story = text_story(path)
        return Footage(story.with_step(_step()), ((),) * len(story.units))
    if kind == "sound":
        duration_s = probe(path).duration_s
        sound = record_audio(
            path, rate_hz=RATE_HZ, track=track, at=lambda done_s: watch.at(done_s, duration_s, "sound")
        )
        story = sound_story(path, sound, about)
        return Footage(story.with_step(_step()), ((),) * len(story.units), sound)
    return _read_video(path, watch, track)


class _Look(NamedTuple):
    """What is seen of a film: its shots and their parts, with the pictures of each part and when those are shown."""

    shots: tuple[Span, ...]
    units: tuple[Span, ...]
    pictures: tuple[Sequence[Pixels], ...]
    times_s: tuple[float, ...]
    motion: tuple[float | None, ...]

    def moved(self, by_s: float) -> "_Look":
        """The same, shown later."""
        shots, units = (
            tuple(Span(s.start_s + by_s, s.end_s + by_s) for s in spans) for spans in (self.shots, self.units)
        )
        times_s = tuple(time_s + by_s for time_s in self.times_s)
        return self._replace(shots=shots, units=units, times_s=times_s)


def _read_folder(folder: Path, watch: Watch, show: Show) -> Footage:
    narration = record_audio(show.narration, rate_hz=RATE_HZ) if show.narration else None
    seen, broken = _pictures_of(folder)
    pages, faults = pages_of(folder, list(seen), show, narration.duration_s if narration else None)
    faults = (*broken, *faults)
    looks: list[_Look] = []
    frames: list[Frame] = []
    sounds: list[tuple[float, Recording]] = []
    for number, page in enumerate(pages):
        watch.at(number, len(pages), page.file.name)
        look, own = _page(page, seen[page.file]), None
        if page.is_film and probe(page.file).audio:
            own, fault = read_sound(page.file, page.span.duration_s, Watch())
            faults += (f"{page.file.name}: {fault}",) if fault else ()
        sounds += [(page.span.start_s, own.part(0, round(page.span.duration_s * RATE_HZ)))] if own else []
        looks.append(look)
        frames += [Frame(str(page.file), time_s) for time_s in look.times_s]
    duration_s = pages[-1].span.end_s
    if narration and narration.duration_s > duration_s + 1 / show.fps:
        faults += (f"the narration is cut at {duration_s:.1f} s, where the films end",)
    original, file = _show_sound(narration, sounds, duration_s)
    name = folder.resolve().name
    story = Story(
        id=name,
        title=name,
        frames=tuple(frames),
        shots=tuple(shot for look in looks for shot in look.shots),
        units=tuple(unit for look in looks for unit in look.units),
        texts=tuple(page.text for page, look in zip(pages, looks, strict=True) for _ in look.units),
        audio=str(show.narration) if file else "",
        source=Source(str(folder)),
        duration_s=duration_s,
        fps=show.fps,
        faults=faults,
    )
    pictures = tuple(own for look in looks for own in look.pictures)
    motion = tuple(own for look in looks for own in look.motion)
    return Footage(story.with_step(_step()), pictures, original, pages, motion)


def _pictures_of(folder: Path) -> tuple[dict[Path, Pixels | None], tuple[str, ...]]:
    """The files of a folder that are shown, pictures with what is seen of them; and those that can't be, in words.

    Raises MediaError where none can be.
    """
    seen: dict[Path, Pixels | None] = {}
    broken: list[MediaError] = []
    for file in unless_stopped(shown_files(folder)):
        try:
            if file.suffix.lower() in FILM_SUFFIXES:
                next(iter_frames(file, max_side=SIDE_PX))
                seen[file] = None
            else:
                seen[file] = read_image(file, max_side=SIDE_PX)
        except MediaError as error:
            broken.append(error)
    if not seen:
        raise broken[0]
    return seen, tuple(f"left out: {Path(error.path).name} {error.fault}" for error in broken)


def _page(page: Page, seen: Pixels | None) -> _Look:
    """What is seen on a page, a picture being one shot."""
    if seen is None:
        return _looked(page.file, page.span.duration_s, lambda seen_s: check()).moved(page.span.start_s)
    middle_s = (page.span.start_s + page.span.end_s) / 2
    return _Look((page.span,), (page.span,), ((seen,),), (middle_s,), (None,))


def _show_sound(
    narration: Recording | None, sounds: Sequence[tuple[float, Recording]], duration_s: float
) -> tuple[Recording | None, bool]:
    """What is heard with pictures: the narration, over the softened sounds of films; and whether it is that alone."""
    if not sounds:
        return narration, narration is not None
    gain = 10 ** (-UNDER_NARRATION_DB / 20) if narration else 1.0
    parts = [(round(at_s * RATE_HZ), sound, gain) for at_s, sound in sounds]
    parts += [(0, narration, 1.0)] if narration else []
    return laid(parts, round(duration_s * RATE_HZ)), False


def _looked(path: Path, duration_s: float, at: Callable[[float], None]) -> _Look:
    """Decodes a film's first `duration_s` once; `at` is given how many seconds are seen."""
    kept, meter = _Kept(), MotionMeter()
    shots = detect_shots(meter.passed(_small(_keeping(path, kept, duration_s, at))), duration_s)
    shots = tuple(Span(s.start_s, min(s.end_s, duration_s)) for s in shots if s.start_s < duration_s)
    units = split_long(shots or (Span(0.0, duration_s),))
    return _Look(shots, units, *_pictures(kept, units), meter.of(units))


def _read_video(path: Path, watch: Watch, track: int) -> Footage:
    info = probe(path)
    if info.video is None:
        raise MediaError(path, "has no video stream", "give a video, or a folder of pictures with a story.txt")
    duration_s = picture_end_s(path)
    look = _looked(path, duration_s, lambda seen_s: watch.at(seen_s, duration_s))
    original, fault = read_sound(path, duration_s, watch, track) if info.audio else (None, "")
    faults = [fault] if fault else []
    there_s = max(duration_s, original.duration_s if original else 0.0)
    stated_s = info.duration_s + info.missing_s
    if there_s + 1.0 < stated_s:
        faults.append(f"the video is cut short: {there_s:.1f} s of {stated_s:.1f} s are there")
    for fault in faults:
        log.warning("%s: %s", path, fault)
    story = Story(
        id=path.stem,
        title=" ".join(info.tags.get("title", "").split()) or path.stem,
        video=str(path),
        frames=tuple(Frame(str(path), time_s) for time_s in look.times_s),
        shots=look.shots,
        units=look.units,
        texts=("",) * len(look.units),
        audio=str(path) if original else "",
        source=Source(str(path)),
        duration_s=duration_s,
        fps=info.video.editing_fps,
        faults=tuple(faults),
    )
    return Footage(story.with_step(_step()), look.pictures, original, motion=look.motion)


def _step() -> Step:
    return Step("footage", __version__)


class _Kept:
    """Pictures kept of a video, in order: as JPEG, and of long videos in a scratch file."""

    def __init__(self) -> None:
        self.times_s: list[float] = []
        self._edges = [0]
        self._scratch: IO[bytes] = tempfile.SpooledTemporaryFile(_KEPT_BYTES)  # noqa: SIM115

    def add(self, frame: VideoFrame) -> None:
        """One more."""
        self.times_s.append(frame.time_s)
        self._edges.append(self._edges[-1] + self._scratch.write(to_jpeg(frame.rgb)))

    def jpeg(self, number: int) -> bytes:
        """The picture of that number."""
        self._scratch.seek(self._edges[number])
        return self._scratch.read(self._edges[number + 1] - self._edges[number])


def _keeping(path: Path, kept: _Kept, duration_s: float, at: Callable[[float], None]) -> Iterator[VideoFrame]:
    """Frames of the video in order; the sharpest of each cell of KEEP_S is put into `kept`."""
    cell, best, best_frame = -1, -1.0, None
    for frame in iter_frames(path, every_s=LOOK_S, max_side=SIDE_PX):
        if int(frame.time_s / KEEP_S) != cell:
            at(min(frame.time_s, duration_s))
            if best_frame is not None:
                kept.add(best_frame)
            cell, best = int(frame.time_s / KEEP_S), -1.0
        value = sharpness(frame.rgb[::2, ::2])
        if value > best:
            best, best_frame = value, frame
        yield frame
    if best_frame is not None:
        kept.add(best_frame)


def _small(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """Frames at half size: all that the shot detector needs."""
    return (VideoFrame(frame.time_s, np.ascontiguousarray(frame.rgb[::2, ::2])) for frame in frames)


def _pictures(kept: _Kept, units: tuple[Span, ...]) -> tuple[tuple[Jpegs, ...], tuple[float, ...]]:
    """Per unit its key frames, and the times of all; a unit without any borrows the nearest kept one."""
    numbers = range(len(kept.times_s))
    decoded = (VideoFrame(kept.times_s[i], from_jpeg(kept.jpeg(i))) for i in unless_stopped(numbers))
    own: list[list[int]] = [[] for _ in units]
    for key in key_frames(decoded, units, per_shot=2 if len(units) < FEW_UNITS else 1):
        own[key.shot].append(bisect_left(kept.times_s, key.time_s))
    for unit, chosen in zip(units, own, strict=True):
        if not chosen:
            middle = (unit.start_s + unit.end_s) / 2
            chosen.append(min(numbers, key=lambda i: abs(kept.times_s[i] - middle)))
    times = tuple(kept.times_s[i] for chosen in own for i in chosen)
    return tuple(Jpegs([kept.jpeg(i) for i in chosen]) for chosen in own), times


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


def read_sound(path: Path, duration_s: float, watch: Watch, track: int = 0) -> tuple[Recording | None, str]:
    """The sound of a file at RATE_HZ, and "": or None and why it is left out, where it can't be decoded."""
    try:
        seconds = lambda done_s: watch.at(done_s, duration_s, "sound")  # noqa: E731
        return record_audio(path, rate_hz=RATE_HZ, track=track, at=seconds), ""
    except MediaError as error:
        return None, f"its own sound is left out: {error}"
