"""What is heard when: a sound or video file to events."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from storysound.annotate import families
from storysound.annotate.events import (
    SPEECH,
    EventConfig,
    FileEvents,
    bridged,
    events_of,
    surest,
    told_once,
    with_speech,
)
from storysound.annotate.hearing import Ear, audible, ear_among, tightened
from storysound.draw.timeline import write_timeline
from storysound.encode import silero
from storysound.encode.encoder import ticks
from storysound.encode.pool import Models
from storysound.errors import MediaError, UsageError
from storysound.jobs.listen.request import ListenRequest, ListenResult
from storysound.media.arrays import Floats
from storysound.media.audio import Waveform, read_audio
from storysound.media.files import check_readable, check_target
from storysound.media.loudness import peaks_db
from storysound.media.probe import probe
from storysound.media.recording import of_wave
from storysound.media.sketch import joined, sketch
from storysound.progress import Watch
from storysound.story import Event, Span

log = logging.getLogger(__name__)


RATE_HZ = 44100
PIECE_S = 300.0  # heard at a time, so that hours of sound need no more memory than minutes
CONTEXT_S = 3.0  # heard on both sides of a piece, so that its ends are heard as if it went on
BREATH_S = 0.4  # a shorter pause doesn't end speech
SPOKEN = 0.3  # score of speech among the classes from which the voice detector is believed


@dataclass(frozen=True)
class SoundDetectors:
    """What listens: an encoder that knows AudioSet's classes, and a voice detector."""

    classes: Ear
    voice: silero.Silero


@dataclass(frozen=True)
class _Piece:
    """A stretch [start_s, end_s) of a file, with what is around it: `wave` begins at `from_s`."""

    wave: Waveform
    from_s: float
    start_s: float
    end_s: float


def run(request: ListenRequest, models: Models, watch: Watch) -> ListenResult:
    """Hears a sound file, or the sound of a video, from beginning to end, and draws the timeline if one is wanted.

    Raises MediaError for a file without sound that can be decoded, OutputError for a picture that can't be written,
    UsageError and MissingModelError as `detectors_of`.
    """
    file, plot = request.file, request.plot
    if plot:
        check_target(plot, file)
    check_readable(file)
    config = EventConfig.from_score(request.min_score)
    heard = listen(file, detectors_of(models), config, watch, with_sketch=plot is not None)
    events = surest(heard.events, request.top) if request.top else heard.events
    if plot:
        write_timeline(FileEvents(heard.path, heard.duration_s, events, heard.sketch), plot)
    return ListenResult(heard.path, heard.duration_s, events)


def detectors_of(models: Models) -> SoundDetectors:
    """The ears of a profile. Raises UsageError where it has none for AudioSet, MissingModelError without weights."""
    for name in models.profile.audio:
        ear = ear_among({name: models.encoder(name)})
        if ear and SPEECH in ear.labels:
            return SoundDetectors(ear, models.get("silero", silero.load))
    raise UsageError(
        f"{models.profile.name!r} has no audio encoder that knows AudioSet's classes: events can't be heard",
        field="profile",
    )


def listen(
    path: Path,
    ears: SoundDetectors,
    config: EventConfig | None = None,
    watch: Watch | None = None,
    *,
    with_sketch: bool = False,
) -> FileEvents:
    """Hears a sound file, or the sound of a video, from beginning to end; says to `watch` how many seconds.

    Raises MediaError for a file without sound that can be decoded.
    """
    config = config or EventConfig()
    watch = watch or Watch()
    tree = families.audioset()
    rows, levels, spoken, sketches = [], [], [], []
    step_s, duration_s = 0.0, 0.0
    expected_s = probe(path).duration_s
    for piece in _pieces(path, expected_s):
        duration_s = piece.end_s
        scores, step_s = _classes(piece, ears.classes)
        rows.append(scores)
        watch.check()
        own = piece.wave.cut(piece.start_s - piece.from_s, piece.end_s - piece.from_s)
        levels.append(peaks_db(own))
        spoken += _speech(piece, ears.voice)
        if with_sketch:
            sketches.append(sketch(own))
        watch.at(duration_s, max(expected_s, duration_s), path.name)
    scores = np.concatenate(rows)
    level_db = np.concatenate(levels)
    scores[~audible(level_db, step_s, len(scores))] = 0.0
    talk = scores[:, ears.classes.labels.index(SPEECH)]

    def voiced(span: Span) -> float:
        return float(talk[int(span.start_s / step_s) : int(span.end_s / step_s) + 1].max(initial=0.0))

    found = events_of(scores, ears.classes.labels, step_s, duration_s=duration_s, config=config)
    found = tightened(found, level_db, max(ears.classes.patch_s, step_s))
    found = with_speech(found, bridged(spoken, BREATH_S), voiced, tree, SPOKEN)
    found = told_once([event for event in found if event.score >= config.begins], tree, config)
    return FileEvents(str(path), round(duration_s, 3), found, joined(sketches) if sketches else None)


def _pieces(path: Path, expected_s: float) -> Iterator[_Piece]:
    start_s = 0.0
    while True:
        from_s, to_s = max(0.0, start_s - CONTEXT_S), start_s + PIECE_S + CONTEXT_S
        try:
            wave = read_audio(path, rate_hz=RATE_HZ, channels=1, start_s=from_s, end_s=to_s)
        except MediaError as error:
            if not start_s:
                raise
            if start_s < expected_s - CONTEXT_S:
                log.warning("%s; %.0f s of it were heard", error, start_s)
            return
        until_s = from_s + wave.duration_s
        if until_s > start_s:
            yield _Piece(wave, from_s, start_s, min(until_s, start_s + PIECE_S))
        if until_s <= start_s + PIECE_S:
            return
        start_s += PIECE_S


def _classes(piece: _Piece, ear: Ear) -> tuple[Floats, float]:
    """Scores [t c] of the steps of the file's clock that begin in a piece, and the length of a step."""
    heard = ear.encoder.encode([piece.wave])[0]
    scores = ear.scores(heard)
    return scores[ticks(len(scores), heard.step_s, piece.from_s, piece.start_s, piece.end_s)], heard.step_s


def _speech(piece: _Piece, voice: silero.Silero) -> list[Event]:
    """Where somebody speaks in a piece, in the time of the file."""
    chances = voice.probabilities(of_wave(piece.wave))
    found = []
    for span in silero.spans_of(chances, piece.wave.duration_s):
        start_s = max(piece.from_s + span.start_s, piece.start_s)
        end_s = min(piece.from_s + span.end_s, piece.end_s)
        if start_s < end_s:
            inside = chances[int(span.start_s / silero.FRAME_S) : int(span.end_s / silero.FRAME_S) + 1]
            found.append(Event(round(start_s, 3), round(end_s, 3), SPEECH, round(float(inside.mean()), 4)))
    return found
