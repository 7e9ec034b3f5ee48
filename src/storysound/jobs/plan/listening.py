"""What a story itself sounds like: which of its sounds is its own, what is heard in it, and what of it is kept."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from storysound.annotate.hearing import ear_among, heard_in
from storysound.annotate.own_sound import OwnSound, listen, music_spans, without_music
from storysound.cue.mix import bed_lufs
from storysound.cue.references import reference_to
from storysound.cue.score import FileReference, OtherTrack, Score
from storysound.encode import separator, silero
from storysound.encode.pool import Models
from storysound.errors import MediaError, UsageError
from storysound.ingest.footage import Footage, read_sound
from storysound.ingest.kinds import StoryKind
from storysound.jobs.plan.request import PlanOptions
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.film.sound_files import write_sound
from storysound.media.film.tracks import original_tracks
from storysound.media.probe import probe
from storysound.media.recording import Recording, record_audio
from storysound.progress import Watch
from storysound.story import Event, Span, Step

LISTENED = 3  # things listened for: speech, music, events
HEARD_S = 120.0  # of each track, to know whether somebody speaks in it
SPEAKS = 0.5  # of the speech of the track with most of it


def own_track(story: Path, kind: StoryKind, wanted: int | None, models: Models) -> int:
    """Which sound of a film is its own: the wanted one, else the default one, of several the first that speaks.

    Raises UsageError where it has no such one, MediaError.
    """
    if kind in ("pictures", "text"):
        if wanted:
            raise UsageError(f"there is no sound track {wanted + 1}: {story} is no film", field="track")
        return 0
    sounds = probe(story).sounds
    if wanted is not None:
        if wanted >= len(sounds):
            raise UsageError(f"there is no sound track {wanted + 1}: {story} has {len(sounds)}", field="track")
        return wanted
    numbers = original_tracks(sounds)
    if len(numbers) < 2:
        return numbers[0] if numbers else 0
    spoken_s = [_spoken_s(story, number, models) for number in numbers]
    return next(n for n, said_s in zip(numbers, spoken_s, strict=True) if said_s >= SPEAKS * max(spoken_s))


def _spoken_s(story: Path, track: int, models: Models) -> float:
    """For how long somebody speaks at the beginning of a track; 0 where it can't be decoded."""
    try:
        sound = record_audio(story, rate_hz=silero.RATE_HZ, channels=1, track=track, end_s=HEARD_S)
    except MediaError:
        return 0.0
    return sum(span.duration_s for span in voice_of(models).speech_spans(sound, lambda done_s: None))


def other_tracks(
    story: Path, score: Score, own: OwnSound, models: Models, watch: Watch, old: Score | None
) -> Iterator[tuple[OtherTrack, Recording | None, str]]:
    """The film's other sounds, each with its speech and how loud cues are there; or why one can't be scored.

    Of a sheet's story the speech of a track is as it stands there.
    """
    known = {track.number: track.speech for track in old.tracks} if old else {}
    bed = bed_lufs(own.sound, own.speech, score.levels, score.layout)
    for stream in probe(story).sounds:
        number = stream.number
        if number == score.track:
            continue
        watch.check()
        sound, fault = read_sound(story, score.duration_s, watch, number)
        if sound is None:
            yield OtherTrack(number), None, f"track {number + 1} stays as it is: {fault}"
            continue
        speech = known[number] if number in known else voice_of(models).speech_spans(sound, lambda done_s: None)
        bed_db = bed_lufs(sound, speech, score.levels, sound.layout) - bed
        yield OtherTrack(number, stream.language, sound.layout, speech, round(bed_db, 2)), sound, ""


def own_sound(
    footage: Footage, options: PlanOptions, models: Models, watch: Watch, old: Score | None
) -> tuple[OwnSound, Footage, str]:
    """What of the clip's own sound goes into the mix, the footage with what is heard in it, and why nothing is added.

    Of a sheet's story the speech and the music are as they stand there.
    """
    if old is None:
        footage, heard = _listened(footage, models, watch)
        if not options.replace and heard.sound is not None:
            bed = bed_lufs(heard.sound, heard.speech, options.levels, heard.sound.layout)
            heard = replace(heard, music=heard.fights_with(bed))
        return _kept(heard, options, models), footage, _stepped_aside(heard, options)
    wave = footage.original
    if old.original is None:
        wave = None
    elif old.original.path != footage.story.audio:
        wave = record_audio(old.original.path, rate_hz=RATE_HZ)
    ear = ear_among(models.audio)
    events = heard_in(wave, ear) if ear and wave else ()
    footage = replace(footage, story=replace(footage.story, speech=old.speech, music=old.own_music, events=events))
    own = OwnSound(wave, old.speech, old.own_music, wave.duration_s if wave else 0.0, events)
    return own, footage, old.stepped_aside


def _listened(footage: Footage, models: Models, watch: Watch) -> tuple[Footage, OwnSound]:
    """What a clip sounds like; silence needs no model."""

    def said(number: int, what: str, duration_s: float) -> Callable[[float], None]:
        """Says how many seconds of the film are listened to, of all that it is listened to for."""
        watch.at(number * duration_s, LISTENED * duration_s, what)
        return lambda done_s: watch.at(number * duration_s + done_s, LISTENED * duration_s, what)

    def speech(sound: Recording) -> tuple[Span, ...]:
        return voice_of(models).speech_spans(sound, said(0, "speech", sound.duration_s))

    def music(sound: Recording, spoken: Sequence[Span]) -> tuple[Span, ...]:
        at = said(1, "music", sound.duration_s)
        return music_spans(sound, spoken, models.audio, lambda part: _background(models, part), at)

    def events(sound: Recording) -> tuple[Event, ...]:
        ear = ear_among(models.audio)
        return heard_in(sound, ear, said(2, "events", sound.duration_s)) if ear else ()

    heard = listen(footage.original, speech, music, events)
    if heard.sound is None:
        return footage, heard
    step = Step("listening", "+".join([voice_of(models).revision, *(ear.revision for ear in models.audio.values())]))
    told = footage.story.with_step(step, speech=heard.speech, music=heard.music, events=heard.events)
    return replace(footage, story=told), heard


def voice_of(models: Models) -> silero.Silero:
    """Who says where somebody speaks."""
    return models.get("silero", silero.load)


def _background(models: Models, sound: Recording) -> Iterator[Samples]:
    """A sound without its speech, in blocks [c n]."""
    return models.get("separator", separator.load).background(sound)


def _stepped_aside(own: OwnSound, options: PlanOptions) -> str:
    if not own.has_music or options.replace or not options.keep_original:
        return ""
    return f"the clip already has music ({own.music_share:.0%} of it); `replace` takes it out and scores it anew"


def _kept(own: OwnSound, options: PlanOptions, models: Models) -> OwnSound:
    """What of the clip's own sound goes into the mix."""
    if not options.keep_original:
        return OwnSound(None)
    if options.replace and own.music:
        left = without_music(own, lambda part: _background(models, part))
        return replace(own, sound=left, speech=own.speech if left is not None else (), music=())
    return own


def sounds_beside(sheet: Path) -> tuple[Path, Path]:
    """Where a sound under the cues lies that is no file yet: put together of several, and without its music."""
    return sheet.with_name(f"{sheet.stem}.original.flac"), sheet.with_name(f"{sheet.stem}.voices.flac")


def beside_sheet(
    own: OwnSound, footage: Footage, sheet: Path, story: FileReference
) -> tuple[OwnSound, FileReference | None]:
    """The file in which the sound under the cues lies: the story's own, or a changed one beside the sheet."""
    if own.sound is None:
        return own, None
    if own.sound is footage.original and footage.story.audio:
        audio = Path(footage.story.audio)
        return own, story if str(audio.absolute()) == story.path else reference_to(audio)
    original, voices = sounds_beside(sheet)
    made = original if own.sound is footage.original else voices
    write_sound(own.sound, made)
    return replace(own, sound=record_audio(made, rate_hz=RATE_HZ)), reference_to(made)
