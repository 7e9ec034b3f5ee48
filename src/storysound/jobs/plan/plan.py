"""`plan`: decides which sound plays when under a story, cut how, at what level; nothing of it depends on chance.

The same story, library and request give the same sheet on one machine, and on another what docs/RESULTS.md says.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from storysound.annotate.own_sound import OwnSound, audible
from storysound.annotate.picture_claims import things_named
from storysound.cue.edit import in_order
from storysound.cue.judge.judge import judge, repaired
from storysound.cue.judge.probes import Probes
from storysound.cue.master import Mastered, level, level_track
from storysound.cue.mix import bed_lufs
from storysound.cue.playback import Sounds
from storysound.cue.references import is_unchanged, reference_to
from storysound.cue.rendered import Attention, Pulse, RenderedCue
from storysound.cue.score import SILENT, Cue, Edit, FileReference, Score, Slideshow, Still
from storysound.cue.sheet import as_read, read_json, write_json
from storysound.encode import lemmas
from storysound.encode.beats.trackers import tracker
from storysound.encode.pool import Models, give_back
from storysound.errors import InputError, LibraryError, UsageError
from storysound.ingest.footage import Footage, read_footage
from storysound.ingest.kinds import StoryKind, kind_of
from storysound.ingest.pictures import Show
from storysound.jobs.find.find import finder_of
from storysound.jobs.plan.agreement import Listener
from storysound.jobs.plan.beds import Bed, briefs, composed_beds, composed_cues, composer_of
from storysound.jobs.plan.choice import CROSS_S, Draft, Searches, beside, effect_drafts, music_drafts
from storysound.jobs.plan.composing import Composer, FilmTimes, film_times, pulse_of, times_of
from storysound.jobs.plan.cuts import Accepts, Place, bed_of, cut, fitted_cue
from storysound.jobs.plan.filling import SoundsMade, check_fill, fill_notes, filled, gaps, made_beside
from storysound.jobs.plan.lasting import Lasting
from storysound.jobs.plan.listening import beside_sheet, other_tracks, own_sound, own_track, sounds_beside, voice_of
from storysound.jobs.plan.notes import notes_of
from storysound.jobs.plan.remixing import with_arcs, with_turns
from storysound.jobs.plan.request import PlanOptions, PlanRequest, PlanResult, ReplanRequest
from storysound.jobs.plan.scenes import Breakdown, break_down
from storysound.jobs.plan.sight import Sight
from storysound.jobs.plan.spotting import scenes_of, spotted, spotted_sheet
from storysound.jobs.plan.themes import theme_notes, with_themes
from storysound.jobs.plan.thing_effects import ThingEffects
from storysound.jobs.plan.to_beat import as_shown, beats_of, locked_pulses, spans_on_beats
from storysound.jobs.starter import starter_library
from storysound.match.query import Hit
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform
from storysound.media.files import check_target
from storysound.media.layouts import STEREO
from storysound.media.recording import Recording
from storysound.progress import Watch
from storysound.story import Span

__all__ = [
    "CROSS_S", "SHARES", "Composer", "FilmTimes", "Lasting", "Place", "Plan", "bed_of", "fitted_cue", "plan",
    "pulse_of", "run", "run_again", "scenes_of", "spotted", "spotted_sheet", "times_of", "voice_of", "voices_beside",
]  # fmt: skip

log = logging.getLogger(__name__)

# Agreement with the pictures that an effect needs: more where the clip has its own sound, as an error costs more there.
AGREES, AGREES_UNDER_SOUND = 1.0, 3.0
# What share of the time each step takes of the demo's film.
SHARES = {"look": 23, "listen": 21, "understand": 10, "match": 1, "cue": 14, "level": 3}
WIDE, TALL = (1280, 720), (720, 1280)  # of slideshows

_Material = tuple[Footage, Breakdown, OwnSound, FileReference | None]  # with the sound under the cues
Explains = Callable[[Footage, Sight | None, Sequence[RenderedCue]], Mapping[str, Attention]]


@dataclass(frozen=True)
class Plan:
    """A score, and what was made on the way to it that rendering can use."""

    score: Score
    footage: Footage  # its story is told as it was understood
    original: Recording | None  # what of the clip's own sound goes into the mix
    maps: Mapping[str, Attention]  # by cue id, why each sound was chosen
    notes: tuple[str, ...]
    sounds: Sounds  # of its cues, those that are decoded
    seconds: Mapping[str, float] = field(default_factory=dict)  # that each step took


def run(request: PlanRequest, models: Models, watch: Watch) -> PlanResult:
    """Plans the sound of a story into a new sheet.

    Raises MediaError for a story that can't be read, LibraryError, OutputError for a place that can't be written,
    UsageError; whatever happens, a whole sheet is there in the end or none.
    """
    check_target(request.sheet, request.story)
    watch.plan(SHARES)
    with voices_beside(request.sheet):
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
        fill=wishes.fill,
        compose=wishes.compose,
        ensemble=wishes.ensemble,
        hits=wishes.hits,
        keep_original=old.original is not None,
        ignore_names=wishes.ignore_names,
        taste=wishes.taste,
        licence_policy=wishes.licence_policy,
        rerank=wishes.rerank,
        avoid=old.bans,
        seed=wishes.seed,
        themes=wishes.themes,
        changes=wishes.changes,
        shortest_scene=wishes.shortest_scene,
        silence=wishes.silence,
        track=None if old.original is None and not old.track else old.track,  # a silent film has none
        layout="stereo" if old.layout == STEREO else "own",
        every_track=wishes.every_track,
        size=wishes.size,
        fps=wishes.fps,
        seconds=wishes.seconds,
        transition=wishes.transition,
        narration=Path(wishes.narration) if wishes.narration else None,
        to_beat=wishes.to_beat,
        beats=wishes.beats,
    )
    library = request.library or Path(old.library)
    watch.plan(SHARES)
    with voices_beside(request.sheet):
        planned = plan(story, library, options, models, watch, request.sheet, old)
        write_json(planned.score, request.sheet)
    return PlanResult(planned.score, planned.footage.story, request.sheet, planned.notes, planned.seconds)


@contextmanager
def voices_beside(sheet: Path) -> Iterator[None]:
    """Removes the sounds that were made for a sheet, of its story's own or new, where it isn't written in the end."""
    folders = [folder for folder in (made_beside(sheet), sheet.parent) if not folder.exists()]
    there = set(_made_for(sheet))
    try:
        yield
    except BaseException:
        for made in set(_made_for(sheet)) - there:
            made.unlink(missing_ok=True)
        for folder in folders:
            with suppress(OSError):
                folder.rmdir()
        raise


def _made_for(sheet: Path) -> list[Path]:
    return [*(made for made in sounds_beside(sheet) if made.exists()), *made_beside(sheet).glob("*")]


def _checked(story: Path, options: PlanOptions) -> StoryKind:
    """What kind of story it is. Raises MediaError for what is none, UsageError for options of another kind."""
    kind = kind_of(story)
    if kind != "pictures" and options.of_slideshows:
        raise UsageError(f"is for folders of pictures, {story} is a {kind}", field=options.of_slideshows[0])
    if kind != "film" and options.every_track:
        raise UsageError(
            f"is for films, {story} is {'pictures' if kind == 'pictures' else f'a {kind}'}", field="every_track"
        )
    return kind


def plan(
    story: Path,
    library: Path | None,
    options: PlanOptions,
    models: Models,
    watch: Watch,
    sheet: Path,
    old: Score | None = None,
) -> Plan:
    """The score of a story. `old`: one to plan anew; `sheet`: what has to be made of the story's sound lies beside it.

    Without a library the starter sounds are used. Raises as `run`.
    """
    kind, sounds = _checked(story, options), Sounds(tracker=tracker(options.beats, models))
    fill = options.filled(library) if options.effects else "none"
    if fill != "none":
        check_fill(fill, options, models)
    composer, without = composer_of(options, kind, library, models, sheet)
    compose = options.composing(kind, library)
    wishes = options.wishes(models.profile.name, library, compose if composer or options.compose else "never")
    known = old.story if old is not None and old.story is not None else reference_to(story)
    steps = _Steps(watch)
    if library is None:
        with steps("starter library"):
            library = starter_library(models, Watch(lambda now: watch.at(now.done, now.of, now.what)))
    finder, ranker = finder_of(library, models, options.rerank, options.taste)
    listener = cache(lambda: Listener(models))
    with steps("look"):
        track = own_track(story, kind, options.track, models)
        footage = read_footage(story, watch, track, show=_show(options, old), about=options.text)
    if late := [hit for hit in options.hits if hit.at_s >= footage.story.duration_s]:
        fault = f"must lie in the story, which ends at {footage.story.duration_s:.1f} s, got {late[0].at_s:g} s"
        raise UsageError(fault, field="hits")
    with steps("listen"):
        own, footage, aside = own_sound(footage, options, models, watch, old)
        own, original = (own, old.original) if old else beside_sheet(own, footage, sheet, known)
    with steps("understand"):
        scenes = old.scenes if old else ()
        told, breakdown = break_down(footage, models, options.text, watch, scenes, options.shortest_scene)
        breakdown = with_themes(breakdown, footage, options, own)
        footage = replace(footage, story=told)
    with steps("match"):
        locked = tuple(cue for cue in old.cues if cue.locked) if old else ()
        music = [] if aside else _around(_music(breakdown, own, finder, options, watch), locked)
        beds: list[Bed] = []
        if composer and not aside:
            silent = tuple(Span(each.start_s, each.end_s) for each in breakdown.scenes if each.theme == SILENT)
            free = _around(beside([Draft("music", 0.0, told.duration_s, (), 0.5)], (*own.music, *silent)), locked)
            beds, music = composed_beds(music, free, breakdown, options, always=compose == "always")
        moves = options.to_beat and not aside and len(footage.pages) > 1
        effects = (
            [] if moves or aside else _effects(footage, breakdown, own, finder, options, models, watch, sounds, locked)
        )
        _check_shelves([*music, *effects], library)
    with steps("cue"):
        levels = old.levels if old else options.levels
        layout = own.sound.layout if own.sound and options.layout == "own" else STEREO
        accept = _accepts(footage, breakdown, own, models, listener)
        bed = bed_lufs(own.sound, own.speech, levels, layout)
        explain: Explains = ranker.attention if ranker else lambda *of: listener().attention(*of)
        cut_now: list[Cue] = []
        maps: dict[str, Attention] = {}
        pulses: list[Pulse] = []

        def lay(drafts: Sequence[Draft], accept: Accepts) -> None:
            for one in cut(drafts, bed, levels, accept, watch, {cue.id for cue in (*locked, *cut_now)}, sounds):
                maps.update(explain(footage, breakdown.sight, [one]))
                cut_now.append(one.cue)
                pulses.extend([one.pulse] if one.pulse else [])

        lay([*music, *effects], accept)
    unmoved = ""
    if moves:
        with steps("beat"):
            pulses += [*_pulses_of_beds(beds, breakdown, options, own), *locked_pulses(locked, sounds)]
            spans, unmoved = spans_on_beats(footage, beats_of(pulses))
            footage, breakdown, own, original = _shown_at(
                spans, (footage, breakdown, own, original), story, options, models, watch, sheet
            )
            effects = _effects(footage, breakdown, own, finder, options, models, watch, sounds, locked)
            _check_shelves(effects, library)
            accept = _accepts(footage, breakdown, own, models, listener)
            lay(effects, accept)
    slideshow = _slideshow(footage, options, old) if footage.pages else None
    if composer and beds:
        with steps("compose"):
            film = film_times(told.duration_s, breakdown.scenes, slideshow, own.speech)
            for piece in beds:
                taken = [cue.id for cue in (*locked, *cut_now)]
                cut_now += composed_cues(piece, composer, breakdown, film, options, (bed, levels), taken, watch)
    made = None
    if fill != "none" and not aside:
        with steps("make"):
            made = SoundsMade(fill, made_beside(sheet), models, listener, options.seed)
            reader = breakdown.reader
            wanted = gaps(
                footage, breakdown, (*locked, *cut_now), _audible(footage, own),
                lambda unit: reader.words([unit]) if reader else (),
            )  # fmt: skip
            more = filled(wanted, made, footage, breakdown, finder, options, watch, Lasting(sounds))
            # What else a draft offers the library has, and it wasn't near enough.
            lay(more, lambda draft, hit, one: hit is draft.hits[0] and accept(draft, hit, one))
            made.let_go((*cut_now, *(old.known_cues if old else ())))
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
        story=known,
        original=original,
        track=track,
        layout=layout,
        library=str(library.absolute()),
        slideshow=slideshow,
        bans=options.avoid,
        wishes=wishes,
    )
    with steps("level"):
        score, mastered, mended = _levelled(as_read(score), own.sound, sounds)
        if options.every_track:
            score, others = _on_every_track(story, score, own, models, watch, old, sounds)
            mended += others
    if old is not None:
        score = _as_edit(score, old)
    notes = (
        *notes_of(score, told),
        *((without,) if without else ()),
        *((unmoved,) if unmoved else ()),
        *theme_notes(score),
        *(fill_notes(score.cues, made) if made else ()),
        *mastered.notes(),
        *mended,
    )
    return Plan(score, footage, own.sound, maps, notes, sounds, steps.seconds)


def _levelled(score: Score, original: Recording | None, sounds: Sounds) -> tuple[Score, Mastered, tuple[str, ...]]:
    """The score with the one gain of its mix, mended where that is simple, and what was mended, a line each."""
    mended: tuple[str, ...] = ()
    while True:
        probes = Probes(score.speech, score.layout)
        mastered = level(score, original, probes, sounds)
        score = replace(score, levels=mastered.levels, ducking=mastered.ducking)
        score = replace(score, verdicts=judge(score, probes))
        better, lines = (score, ()) if mended else repaired(score, score.verdicts)
        if not lines:
            return as_read(score), mastered, mended
        score, mended = as_read(better), lines


def _on_every_track(
    story: Path, score: Score, own: OwnSound, models: Models, watch: Watch, old: Score | None, sounds: Sounds
) -> tuple[Score, tuple[str, ...]]:
    """The score with the film's other sound tracks, each levelled by itself, and what to know of them."""
    tracks, lines = [], []
    for track, sound, fault in other_tracks(story, score, own, models, watch, old):
        if sound is None:
            lines.append(fault)
            continue
        probes = Probes(track.speech, track.layout)
        levelled, notes = level_track(score, track, sound, probes, sounds)
        tracks.append(replace(levelled, verdicts=judge(score.on(levelled), probes)))
        lines += notes
    return as_read(replace(score, tracks=tuple(tracks))), tuple(lines)


def _as_edit(score: Score, old: Score) -> Score:
    """The new plan as an edit of the old one."""
    before = tuple(cue for cue in old.cues if not cue.locked)
    after = tuple(cue for cue in score.cues if not cue.locked)
    return replace(score, edits=(*old.edits, Edit("plan", before, after)), title=old.title)


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


def _show(options: PlanOptions, old: Score | None) -> Show:
    """How long pictures are shown; as it stands in the sheet where there is one."""
    if old is not None and old.slideshow is not None:
        spans = tuple(Span(still.start_s, still.end_s) for still in old.slideshow.stills)
        return Show(spans=spans, fps=old.fps)
    return Show(options.seconds, options.narration, fps=options.fps)


def _slideshow(footage: Footage, options: PlanOptions, old: Score | None) -> Slideshow:
    """As large as asked, else upright where most pages are; as it is in a sheet, but for when each is shown."""
    stills = tuple(Still(str(p.file), p.span.start_s, p.span.end_s, p.is_film) for p in footage.pages)
    if old is not None and old.slideshow is not None:
        return replace(old.slideshow, stills=stills)
    shapes = [own[0].shape for own in footage.pictures]
    tall = sum(height > width for height, width, _ in shapes) * 2 > len(shapes)
    return Slideshow(stills, *(options.size or (TALL if tall else WIDE)), options.transition)


def _music(breakdown: Breakdown, own: OwnSound, finder: Searches, options: PlanOptions, watch: Watch) -> list[Draft]:
    drafts = music_drafts(breakdown, finder, options, watch) if options.music else []
    drafts = with_turns(beside(drafts, own.music), breakdown.scenes, options.hits)
    return drafts if options.mood else with_arcs(drafts, breakdown.scenes, breakdown.arc)


def _effects(
    footage: Footage,
    breakdown: Breakdown,
    own: OwnSound,
    finder: Searches,
    options: PlanOptions,
    models: Models,
    watch: Watch,
    sounds: Sounds,
    locked: Sequence[Cue],
) -> list[Draft]:
    if not options.effects:
        return []
    heard = _audible(footage, own)
    known, by_things = things_named(models.picture.labels), None
    if known is not None and breakdown.reader is not None:
        lemma = models.get("lemmas", lemmas.load).of
        by_things = ThingEffects(breakdown.reader, known, finder, options, footage.story.texts, lemma).hits
    drafts = effect_drafts(footage, breakdown, finder, options, heard, watch, Lasting(sounds), by_things)
    return _around(drafts, locked)


def _pulses_of_beds(beds: Sequence[Bed], breakdown: Breakdown, options: PlanOptions, own: OwnSound) -> Iterator[Pulse]:
    """Beats of music that is still to be composed, as long as no picture asks for others."""
    film = FilmTimes(max((bed.end_s for bed in beds), default=0.0), (), own.speech)
    for bed in beds:
        for brief in briefs(bed, breakdown, options):
            yield Pulse(*pulse_of(brief, film), brief.start_s)


def _shown_at(
    spans: Sequence[Span], now: _Material, story: Path, options: PlanOptions, models: Models, watch: Watch, sheet: Path
) -> _Material:
    """A story of pictures that is shown at other times. Films among them move with their sound: it is heard anew."""
    footage, breakdown, own, original = now
    show = Show(options.seconds, options.narration, tuple(spans), footage.story.fps)
    again = read_footage(story, Watch(lambda at: watch.check()), show=show, about=options.text)
    told = replace(footage.story, frames=again.story.frames, shots=again.story.shots, units=again.story.units)
    moved = replace(again, story=told, original=footage.original)
    breakdown = as_shown(breakdown, footage, moved)
    if not any(page.is_film for page in moved.pages):
        return moved, breakdown, own, original
    own, moved, _ = own_sound(replace(moved, original=again.original), options, models, watch, None)
    own, original = beside_sheet(own, moved, sheet, reference_to(story))
    told, breakdown = break_down(moved, models, options.text, watch, breakdown.scenes)
    return replace(moved, story=told), breakdown, own, original


def _audible(footage: Footage, own: OwnSound) -> Sequence[bool]:
    """Whether the clip's own sound is heard in each unit; what is only heard is told over ambience."""
    units = footage.story.units
    return audible(own.sound, units) if footage.story.frames else [False] * len(units)


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

    around = beside(drafts, sorted(beds, key=lambda bed: bed.start_s), 2 * CROSS_S)
    return [draft for draft in around if is_free(draft)]


def _accepts(
    footage: Footage, breakdown: Breakdown, own: OwnSound, models: Models, listener: Callable[[], Listener]
) -> Accepts:
    """Effects have to be heard as what is seen or told, and must not double what the clip itself sounds like."""
    story, sight = footage.story, breakdown.sight
    knows_things = things_named(models.picture.labels) is not None

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
        if (draft.soft or not story.frames) and own.has({event.label for event in hit.events}, span):
            return False
        if draft.soft and is_there(draft.unit):
            return False
        if knows_things:
            return True  # what is heard in it was asked for when it was found
        wave = Waveform(one.samples, RATE_HZ)
        agreement = listener().agreement(story.texts[draft.unit], sight, draft.unit, wave)
        return agreement >= (AGREES_UNDER_SOUND if draft.soft else AGREES)

    return accept
