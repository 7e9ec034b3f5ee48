"""Valence and arousal of pictures, sounds, texts and videos; of what lasts also over time.

All moods are on one scale (`encode/mood.py`), so those of a film's pictures, its sound and its words can be compared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from storysound.annotate.feeling import EARS, MoodReader
from storysound.draw.mood import write_curve
from storysound.encode import mood as moods
from storysound.encode.pool import Models
from storysound.errors import InputError, MediaError, UsageError
from storysound.ingest.captions import Caption, read_captions, told_in
from storysound.ingest.subtitles import SUBTITLES
from storysound.jobs.mood.request import MoodRequest, MoodResult
from storysound.library.analyse import BLOCK_S, SHORTEST_REST_S, analyse, windows
from storysound.media.audio import read_audio
from storysound.media.files import check_readable, check_target, read_text
from storysound.media.image import read_image
from storysound.media.probe import MediaInfo, probe
from storysound.media.video import iter_frames
from storysound.progress import Watch
from storysound.story import Mood, MoodMoment

RATE_HZ = 44_100
PICTURES_EVERY_S, MOST_PICTURES = 1.0, 300  # looked at in a video; longer ones are looked at more rarely
SIDE_PX = 320
FAINT = 1e-3  # stretches whose loudest sample is below are silent: they have no mood


def run(request: MoodRequest, models: Models, watch: Watch) -> MoodResult:
    """The mood of a file; of a video always over time, of a sound where it is drawn.

    Raises MediaError and InputError for what is no picture, sound, text or video that can be used, UsageError for a
    drawing of what has no time, OutputError for one that can't be written, and as `read_captions`.
    """
    file, plot = request.file, request.plot
    if plot:
        check_target(plot, file)
    told = read_captions(request.captions, request.language)
    check_readable(file)
    info = _media(file)
    if plot and (info is None or info.is_still):
        raise UsageError(f"{file} has no time that a curve could be drawn over: give a video or a sound", field="plot")
    told.meet([file, *request.beside])
    is_video = info is not None and info.video is not None and not info.is_still
    captions: Sequence[Caption] = ()
    for each in sorted({file, *request.beside}):  # in one order, so that the notes of all of them are the same
        if each != file:
            told.of(each)
        elif is_video:
            captions = told.of(file, alone=not request.beside)
    result = _felt(file, info, MoodReader(models), captions, watch, curve=plot is not None)
    if plot:
        write_curve(file.name, result.curve, result.duration_s, plot)
    return replace(result, notes=tuple(told.left_out()))


def _felt(
    file: Path, info: MediaInfo | None, feeling: MoodReader, captions: Sequence[Caption], watch: Watch, *, curve: bool
) -> MoodResult:
    """`captions`: what is said in a video; `curve`: of a sound too, its mood over time."""
    if info is None:
        return MoodResult(str(file), "text", feeling.text(_words(file)))
    if info.is_still:
        return MoodResult(str(file), "image", moods.as_mood(feeling.pictures([read_image(file, max_side=SIDE_PX)])))
    if info.video is not None:
        return _video(file, info, feeling, captions, watch)
    mood, duration_s = sound(file, feeling)
    moments = tuple(_watched(_heard(file, feeling), duration_s, watch)) if curve else ()
    return MoodResult(str(file), "audio", mood, moments, duration_s)


def sound(file: Path, feeling: MoodReader) -> tuple[Mood, float]:
    """Of a whole sound, as a library has it, and its length in seconds. Raises MediaError, also for silence."""
    found = analyse(file, {EARS: feeling.ears}, feeling.judge).sound
    return found.mood, found.duration_s


def _words(file: Path) -> str:
    """What a text says, of subtitles without their times. Raises InputError where it says nothing."""
    text = told_in(file) if file.suffix.lower() in SUBTITLES else read_text(file)
    if not any(c.isalnum() for c in text):
        raise InputError(file, "has no words in it", "give a text, a picture, a sound or a video")
    return text


def _media(file: Path) -> MediaInfo | None:
    """What is in a media file; None for a text."""
    try:
        return probe(file)
    except MediaError:
        if _is_text(file):
            return None
        raise


def _is_text(file: Path) -> bool:
    with file.open("rb") as stream:
        head = stream.read(4096)
    return b"\0" not in head and bool(head.strip()) and bool(head.decode("utf-8", "ignore").strip())


def _video(file: Path, info: MediaInfo, feeling: MoodReader, captions: Sequence[Caption], watch: Watch) -> MoodResult:
    """Pictures, sound and what was written of a video count alike, whichever of them there are."""
    every_s = max(PICTURES_EVERY_S, info.duration_s / MOST_PICTURES)
    watch.plan({"look": 3.0, "listen": 1.0})
    watch.step("look")
    parts = [list(_watched(_seen(file, every_s, feeling), info.duration_s, watch))]
    watch.step("listen")
    parts.append(list(_watched(_heard(file, feeling), info.duration_s, watch)) if info.audio else [])
    parts.append([_told(caption, info.duration_s, feeling) for caption in captions])
    means = [[(m.mood.valence, m.mood.arousal) for m in part] for part in parts if part]
    whole = np.mean([np.mean(part, axis=0) for part in means], axis=0)
    curve = sorted((moment for part in parts for moment in part), key=lambda moment: moment.time_s)
    return MoodResult(str(file), "video", Mood(*whole.tolist()), tuple(curve), info.duration_s)


def _watched(moments: Iterator[MoodMoment], duration_s: float, watch: Watch) -> Iterator[MoodMoment]:
    """The same, while `watch` is told how far they are."""
    for moment in moments:
        watch.at(min(moment.time_s, duration_s), duration_s)
        yield moment


def _seen(file: Path, every_s: float, feeling: MoodReader) -> Iterator[MoodMoment]:
    for frame in iter_frames(file, every_s=every_s, max_side=SIDE_PX):
        yield MoodMoment(round(frame.time_s, 3), "image", moods.as_mood(feeling.pictures([frame.rgb])))


def _heard(file: Path, feeling: MoodReader) -> Iterator[MoodMoment]:
    """The mood of each stretch of ten seconds that isn't silent, at its middle."""
    start_s = 0.0
    while True:
        try:
            wave = read_audio(
                file, rate_hz=RATE_HZ, channels=1, start_s=start_s, end_s=start_s + BLOCK_S + SHORTEST_REST_S
            )
        except MediaError:
            if not start_s:
                raise
            return
        is_last = wave.duration_s < BLOCK_S + SHORTEST_REST_S
        for span in windows(wave.duration_s if is_last else BLOCK_S):
            stretch = wave.cut(span.start_s, span.end_s)
            if stretch.samples.size and np.abs(stretch.samples).max() >= FAINT:
                yield MoodMoment(round(start_s + (span.start_s + span.end_s) / 2, 3), "audio", feeling.stretch(stretch))
        if is_last:
            return
        start_s += BLOCK_S


def _told(caption: Caption, duration_s: float, feeling: MoodReader) -> MoodMoment:
    """A caption without a time is of the whole video, and stands at its middle."""
    time_s = duration_s / 2 if caption.start_s is None else caption.start_s
    return MoodMoment(round(time_s, 3), "text", feeling.text(caption.text))
