"""`plan`: decides which sound plays when under a story, cut how, at what level; nothing of it depends on chance.

The same story, library and request give the same sheet on one machine, and on another what docs/RESULTS.md says.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from storysound.annotate.hearing import ear_among, heard_in
from storysound.annotate.own_sound import OwnSound, audible, listen, music_spans, without_music
from storysound.cue.edit import in_order
from storysound.cue.judge.judge import judge, repaired
from storysound.cue.judge.probes import Probes
from storysound.cue.master import Mastered, level
from storysound.cue.mix import bed_lufs
from storysound.cue.references import is_unchanged, reference_to
from storysound.cue.rendered import Attention, RenderedCue
from storysound.cue.score import Cue, Edit, FileReference, Score, Slideshow, Still
from storysound.cue.sheet import as_read, read_json, write_json
from storysound.encode import separator, silero
from storysound.encode.pool import Models, give_back
from storysound.errors import InputError, LibraryError, MediaError, UsageError
from storysound.ingest.footage import Footage, read_footage
from storysound.jobs.find.find import finder_of
from storysound.jobs.plan.agreement import Listener
from storysound.jobs.plan.choice import AMBIENCE_S, Draft, Searches, beside, effect_drafts, music_drafts
from storysound.jobs.plan.cuts import Accepts, Place, cut, fitted_cue
from storysound.jobs.plan.notes import mix_notes, notes_of
from storysound.jobs.plan.request import PlanOptions, PlanRequest, PlanResult, ReplanRequest
from storysound.jobs.plan.scenes import Breakdown, Sight, break_down
from storysound.match.query import Hit
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.audio import Waveform
from storysound.media.files import check_target, opened
from storysound.media.film.sound_files import write_sound
from storysound.media.film.tracks import original_track, streams_of
from storysound.media.layouts import STEREO
from storysound.media.probe import probe
from storysound.media.recording import Recording, record_audio
from storysound.progress import Watch
from storysound.story import Event, Span, Step

__all__ = ["AMBIENCE_S", "SHARES", "Place", "Plan", "check_story", "fitted_cue", "plan", "run", "run_again"]

log = logging.getLogger(__name__)

# Agreement with the pictures that an effect needs: more where the clip has its own sound, as an error costs more there.
AGREES, AGREES_UNDER_SOUND = 1.0, 3.0
# What share of the time each step takes of the demo's film.
SHARES = {"look": 23, "listen": 21, "understand": 10, "match": 1, "cue": 14, "level": 3}
LISTENED = 3  # things listened for: speech, music, events
WIDE, TALL = (1280, 720), (720, 1280)  # of slideshows

Explains = Callable[[Footage, Sight | None, Sequence[RenderedCue]], Mapping[str, Attention]]


@dataclass(frozen=True)
class Plan:
    """A score, and what was made on the way to it that rendering can use."""

    score: Score
    footage: Footage  # its story is told as it was understood
    original: Recording | None  # what of the clip's own sound goes into the mix
    maps: Mapping[str, Attention]  # by cue id, why each sound was chosen
    notes: tuple[str, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)  # that each step took


def run(request: PlanRequest, models: Models, watch: Watch) -> PlanResult:
    """Plans the sound of a story into a new sheet.

    Raises MediaError for a story that can't be read, LibraryError, OutputError for a place that can't be written,
    UsageError; whatever happens, a whole sheet is there in the end or none.
    """
    check_story(request.story)
    check_target(request.sheet, request.story)
    watch.plan(SHARES)
    planned = plan(request.story, request.library, request, models, watch, request.sheet)
    write_json(planned.score, request.sheet)
    return PlanResult(planned.score, planned.footage.story, request.sheet, planned.notes, planned.seconds)


def run_again(request: ReplanRequest, models: Models, watch: Watch) -> PlanResult:
    """Plans the cues of a sheet anew that aren't locked; scenes, moods, wishes, bans and speech are those of the sheet.

    The sheet stays as it was where anything fails; the new plan is an edit, that can be undone. Raises InputError for a
    sheet that can't be read or whose story is gone, LibraryError, MediaError, UsageError.
    """
    old = read_json(request.sheet)
    story = Path(old.story.path) if old.story else None
    if story is None or old.story is None or not is_unchanged(old.story):
        raise InputError(request.sheet, "its story is gone or has changed", "plan the story into a new sheet")
    wishes = old.wishes if request.seed is None else replace(old.wishes, seed=request.seed)
    options = PlanOptions(
        text=wishes.text,
        mood=wishes.mood,
        music=wishes.music,
        effects=wishes.effects,
        keep_original=old.original is not None,
        ignore_names=wishes.ignore_names,
        licence_policy=wishes.licence_policy,
        rerank=wishes.rerank,
        avoid=old.bans,
        seed=wishes.seed,
        track=old.track,
    )
    library = request.library or Path(old.library)
    watch.plan(SHARES)
    planned = plan(story, library, options, models, watch, request.sheet, old)
    write_json(planned.score, request.sheet)
    return PlanResult(planned.score, planned.footage.story, request.sheet, planned.notes, planned.seconds)


def check_story(story: Path) -> None:
    """Raises MediaError for what is no video and no folder."""
    info = None if story.is_dir() else probe(story)
    if info is not None and info.is_still:
        raise MediaError(story, "is a picture, a video is wanted", "put it into a folder, and give that")


def plan(
    story: Path,
    library: Path,
    options: PlanOptions,
    models: Models,
    watch: Watch,
    sheet: Path,
    old: Score | None = None,
) -> Plan:
    """The score of a story. `old`: one to plan anew; `sheet`: what has to be made of the story's sound lies beside it.

    Raises as `run`.
    """
    finder, ranker = finder_of(library, models, options.rerank)
    listener = cache(lambda: Listener(models))
    steps = _Steps(watch)
    with steps("look"):
        track = _track(story, options.track)
        footage = read_footage(story, watch, track)
    with steps("listen"):
        own, footage, aside = _own_sound(footage, options, models, watch, old)
        own, original = _beside_sheet(own, footage, options, sheet)
    with steps("understand"):
        told, breakdown = break_down(footage, models, options.text, watch, old.scenes if old else ())
        footage = replace(footage, story=told)
    with steps("match"):
        locked = tuple(cue for cue in old.cues if cue.locked) if old else ()
        drafts = [] if aside else _around(_drafts(footage, breakdown, own, finder, options, watch), locked)
        _check_shelves(drafts, library)
    with steps("cue"):
        levels = old.levels if old else options.levels
        accept = _accepts(footage, breakdown, own, listener)
        taken = {cue.id for cue in locked}
        cut_now: list[Cue] = []
        maps: dict[str, Attention] = {}
        for one in cut(drafts, bed_lufs(own.sound, own.speech, levels), levels, accept, watch, taken):
            explain: Explains = ranker.attention if ranker else listener().attention
            maps |= explain(footage, breakdown.sight, [one])
            cut_now.append(one.cue)
    score = Score(
        told.title,
        told.duration_s,
        told.fps,
        breakdown.scenes,
        in_order((*locked, *cut_now)),
        own.speech,
        stepped_aside=aside,
        own_music=own.music,
        levels=levels,
        story=reference_to(story),
        original=original,
        track=track,
        layout=own.sound.layout if own.sound else STEREO,
        library=str(library.absolute()),
        slideshow=None if told.video else _slideshow(footage),
        bans=options.avoid,
        wishes=options.wishes(models.profile.name),
    )
    with steps("level"):
        score, mastered, mended = _levelled(as_read(score), own.sound, footage.samples)
    if old is not None:
        score = _as_edit(score, old)
    notes = (*notes_of(score, told), *mix_notes(mastered), *mended)
    return Plan(score, footage, own.sound, maps, notes, steps.seconds)


def _levelled(score: Score, original: Recording | None, length: int) -> tuple[Score, Mastered, tuple[str, ...]]:
    """The score with the one gain of its mix, mended where that is simple, and what was mended, a line each."""
    mended: tuple[str, ...] = ()
    while True:
        probes = Probes(score.speech, score.layout)
        mastered = level(original, score.audible, score.speech, score.levels, length, score.layout, probes)
        score = replace(score, levels=mastered.levels, ducking=mastered.ducking)
        score = replace(score, verdicts=judge(score, probes))
        better, lines = (score, ()) if mended else repaired(score, score.verdicts)
        if not lines:
            return score, mastered, mended
        score, mended = as_read(better), lines


def _as_edit(score: Score, old: Score) -> Score:
    """The new plan as an edit of the old one."""
    before = tuple(cue for cue in old.cues if not cue.locked)
    after = tuple(cue for cue in score.cues if not cue.locked)
    return replace(score, edits=(*old.edits, Edit("plan", before, after)), title=old.title)


def _track(story: Path, wanted: int | None) -> int:
    """Which sound of a film is its own. Raises UsageError where it has no such one, MediaError."""
    if story.is_dir():
        return 0
    with opened(story) as container:
        streams = streams_of(container)
    sounds = [stream for stream in streams if stream.kind == "audio"]
    if wanted is not None and wanted >= len(sounds):
        raise UsageError(f"there is no sound track {wanted + 1}: {story} has {len(sounds)}", field="track")
    return original_track(streams, wanted)


class _Steps:
    """Names the steps to whoever watches, keeps how long each took, and lets go of the memory it needed."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self._watch.step(name)
        started_s = time.perf_counter()
        yield
        give_back()
        self.seconds[name] = time.perf_counter() - started_s


def _own_sound(
    footage: Footage, options: PlanOptions, models: Models, watch: Watch, old: Score | None
) -> tuple[OwnSound, Footage, str]:
    """What of the clip's own sound goes into the mix, the footage with what is heard in it, and why nothing is added.

    Of a sheet's story the speech and the music are as they stand there.
    """
    if old is None:
        footage, heard = _listened(footage, models, watch)
        if not options.replace:
            heard = replace(heard, music=heard.fights_with(bed_lufs(heard.sound, heard.speech, options.levels)))
        return _kept(heard, options, models), footage, _stepped_aside(heard, options)
    wave = footage.original
    if old.original is None:
        wave = None
    elif old.original.path != footage.story.video:
        wave = record_audio(old.original.path, rate_hz=RATE_HZ)
    ear = ear_among(models.audio)
    events = heard_in(wave, ear) if ear and wave else ()
    own = OwnSound(wave, old.speech, old.own_music, wave.duration_s if wave else 0.0, events)
    return own, footage, old.stepped_aside


def _listened(footage: Footage, models: Models, watch: Watch) -> tuple[Footage, OwnSound]:
    """What a clip sounds like; silence needs no model."""

    def said(number: int, what: str, duration_s: float) -> Callable[[float], None]:
        """Says how many seconds of the film are listened to, of all that it is listened to for."""
        watch.at(number * duration_s, LISTENED * duration_s, what)
        return lambda done_s: watch.at(number * duration_s + done_s, LISTENED * duration_s, what)

    def speech(sound: Recording) -> tuple[Span, ...]:
        return _voice(models).speech_spans(sound, said(0, "speech", sound.duration_s))

    def music(sound: Recording, spoken: Sequence[Span]) -> tuple[Span, ...]:
        at = said(1, "music", sound.duration_s)
        return music_spans(sound, spoken, models.audio, lambda part: _background(models, part), at)

    def events(sound: Recording) -> tuple[Event, ...]:
        ear = ear_among(models.audio)
        return heard_in(sound, ear, said(2, "events", sound.duration_s)) if ear else ()

    heard = listen(footage.original, speech, music, events)
    if heard.sound is None:
        return footage, heard
    step = Step("listening", "+".join([_voice(models).revision, *(ear.revision for ear in models.audio.values())]))
    told = footage.story.with_step(step, speech=heard.speech, music=heard.music, events=heard.events)
    return replace(footage, story=told), heard


def _voice(models: Models) -> silero.Silero:
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


def _beside_sheet(
    own: OwnSound, footage: Footage, options: PlanOptions, sheet: Path
) -> tuple[OwnSound, FileReference | None]:
    """The file in which the sound under the cues lies: the story's own, or a changed one beside the sheet."""
    if own.sound is None:
        return own, None
    if own.sound is footage.original:
        return own, reference_to(Path(footage.story.video))
    voices = sheet.with_name(sheet.stem + ".voices.flac")
    write_sound(own.sound, voices)
    return own, reference_to(voices)


def _slideshow(footage: Footage) -> Slideshow:
    story = footage.story
    tall = sum(own[0].shape[0] > own[0].shape[1] for own in footage.pictures) * 2 > len(footage.pictures)
    stills = zip(story.frames, story.shots, strict=True)
    return Slideshow(
        tuple(Still(frame.uri, shot.start_s, shot.end_s) for frame, shot in stills), *(TALL if tall else WIDE)
    )


def _drafts(
    footage: Footage, breakdown: Breakdown, own: OwnSound, finder: Searches, options: PlanOptions, watch: Watch
) -> list[Draft]:
    drafts = music_drafts(breakdown, finder, options, watch) if options.music else []
    drafts = beside(drafts, own.music)
    if options.effects:
        heard = audible(own.sound, footage.story.units)
        drafts += effect_drafts(footage, breakdown, finder, options, heard, watch)
    return drafts


def _check_shelves(drafts: Sequence[Draft], library: Path) -> None:
    """Raises LibraryError where a folder of the library's sounds is gone: moved, or a disk that isn't mounted."""
    for root in sorted({hit.sound.root for draft in drafts for hit in draft.hits}):
        if not Path(root).is_dir():
            do = f"mount it or move it back, or `index` its new place into {library} with `forget`"
            raise LibraryError(root, "is gone, and the sounds of the library are there", do)


def _around(drafts: Sequence[Draft], locked: Sequence[Cue]) -> list[Draft]:
    """Drafts where no locked cue of their layer lies: music goes on before and after it, an effect gives way."""
    beds = [Span(cue.start_s, cue.end_s) for cue in locked if cue.layer == "music"]
    effects = [cue for cue in locked if cue.layer != "music"]

    def is_free(draft: Draft) -> bool:
        own = Span(draft.start_s, draft.end_s)
        return not any(c.layer == draft.layer and own.overlap_s(Span(c.start_s, c.end_s)) > 0 for c in effects)

    return [draft for draft in beside(drafts, sorted(beds, key=lambda bed: bed.start_s)) if is_free(draft)]


def _accepts(footage: Footage, breakdown: Breakdown, own: OwnSound, listener: Callable[[], Listener]) -> Accepts:
    """Effects have to be heard as what is seen or told, and must not double what the clip itself sounds like."""
    story, sight = footage.story, breakdown.sight

    @cache
    def is_there(unit: int) -> bool:
        span = story.units[unit]
        if own.sound is None:
            return False
        wave = own.sound.cut(span.start_s, span.end_s)
        return listener().agreement(story.texts[unit], sight, unit, wave) >= AGREES

    def accept(draft: Draft, hit: Hit, one: RenderedCue) -> bool:
        if draft.unit is None:
            return True
        span = Span(one.cue.start_s, one.cue.end_s)
        if draft.soft and (own.has({event.label for event in hit.events}, span) or is_there(draft.unit)):
            return False
        wave = Waveform(one.samples, RATE_HZ)
        agreement = listener().agreement(story.texts[draft.unit], sight, draft.unit, wave)
        return agreement >= (AGREES_UNDER_SOUND if draft.soft else AGREES)

    return accept
