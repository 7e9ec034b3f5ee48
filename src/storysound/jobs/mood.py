"""`storysound mood`: valence and arousal of pictures, sounds, texts and videos; of what lasts also over time.

All moods are on one scale (`encode/mood.py`), so those of a film's pictures, its sound and its words can be compared.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from storysound.annotate.feeling import EARS, FileMood, Moment, MoodReader
from storysound.draw.mood import write_curve
from storysound.draw.timeline import check_plot
from storysound.encode import mood as moods
from storysound.encode.pool import Models
from storysound.errors import InputError, MediaError, UsageError
from storysound.ingest.captions import Caption, Captions, read_captions, told_in
from storysound.jobs.files import one_by_one
from storysound.library.analyse import BLOCK_S, SHORTEST_REST_S, Judged, Listening, analyse, windows
from storysound.media.audio import read_audio
from storysound.media.files import check_readable, read_text
from storysound.media.image import read_image
from storysound.media.probe import MediaInfo, probe
from storysound.media.video import iter_frames
from storysound.story import Mood

RATE_HZ = 44_100
SUBTITLES = (".srt", ".vtt")
PICTURES_EVERY_S, MOST_PICTURES = 1.0, 300  # looked at in a video; longer ones are looked at more rarely
SIDE_PX = 320
FAINT = 1e-3  # stretches whose loudest sample is below are silent: they have no mood


def feel_all(
    files: Sequence[Path], models: Models, *, captions: Path | None = None, plot: Path | None = None
) -> Iterator[FileMood]:
    """The moods of files, one after the other; of the only one a drawing over time, if it is wanted.

    A file that can't be used doesn't keep the others from being felt: its error is raised at the end. Raises UsageError
    for a drawing of what has no time, and as `timeline.check_plot` and `read_captions`.
    """
    if plot:
        check_plot(plot, files)
    told = read_captions(captions)
    feeling = MoodReader(models)
    for felt in one_by_one(
        files, lambda file: feel(file, feeling, told, alone=len(files) == 1, curves=plot is not None)
    ):
        if plot:
            if not felt.curve:
                raise UsageError(f"{felt.path}: has no time that a curve could be drawn over (give a video or a sound)")
            write_curve(felt, plot)
        yield felt


def feel(
    file: Path, feeling: MoodReader, captions: Captions | None = None, *, alone: bool = False, curves: bool = False
) -> FileMood:
    """The mood of a file; of a video always over time, of a sound where `curves` asks for it.

    `alone`: there is no other file, so captions are of this one, whatever they are called.
    Raises MediaError and InputError for what is no picture, sound, text or video that can be used.
    """
    check_readable(file)
    info = _media(file)
    if info is None:
        return FileMood(str(file), "text", feeling.text(_words(file)))
    if info.is_still:
        return FileMood(str(file), "image", moods.as_mood(feeling.pictures([read_image(file, max_side=SIDE_PX)])))
    if info.video is None:
        mood, duration_s = sound(file, feeling)
        curve = tuple(_heard(file, feeling)) if curves else ()
        return FileMood(str(file), "audio", mood, curve, duration_s)
    return _video(file, info, feeling, captions.of(file, alone=alone) if captions else ())


def sound(file: Path, feeling: MoodReader) -> tuple[Mood, float]:
    """Of a whole sound, as a library has it, and its length in seconds. Raises MediaError, also for silence."""

    def judge(sound: Listening) -> Judged:
        kind = feeling.judge.kind(sound.duration_s, sound.heard)
        return Judged(kind, feeling.judge.mood(kind, sound.heard, sound.expression))

    found = analyse(file, {EARS: feeling.ears}, judge).sound
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


def _video(file: Path, info: MediaInfo, feeling: MoodReader, captions: Sequence[Caption]) -> FileMood:
    """Pictures, sound and what was written of a video count alike, whichever of them there are."""
    every_s = max(PICTURES_EVERY_S, info.duration_s / MOST_PICTURES)
    parts = [list(_seen(file, every_s, feeling)), list(_heard(file, feeling)) if info.audio else []]
    parts.append([_told(caption, info.duration_s, feeling) for caption in captions])
    means = [[(m.mood.valence, m.mood.arousal) for m in part] for part in parts if part]
    whole = np.mean([np.mean(part, axis=0) for part in means], axis=0)
    curve = sorted((moment for part in parts for moment in part), key=lambda moment: moment.time_s)
    return FileMood(str(file), "video", Mood(*whole.tolist()), tuple(curve), info.duration_s)


def _seen(file: Path, every_s: float, feeling: MoodReader) -> Iterator[Moment]:
    for frame in iter_frames(file, every_s=every_s, max_side=SIDE_PX):
        yield Moment(round(frame.time_s, 3), "image", moods.as_mood(feeling.pictures([frame.rgb])))


def _heard(file: Path, feeling: MoodReader) -> Iterator[Moment]:
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
                yield Moment(round(start_s + (span.start_s + span.end_s) / 2, 3), "audio", feeling.stretch(stretch))
        if is_last:
            return
        start_s += BLOCK_S


def _told(caption: Caption, duration_s: float, feeling: MoodReader) -> Moment:
    """A caption without a time is of the whole video, and stands at its middle."""
    time_s = duration_s / 2 if caption.start_s is None else caption.start_s
    return Moment(round(time_s, 3), "text", feeling.text(caption.text))
