"""`score`: gives a video, or a folder of pictures with a text, its sound.

Seven steps: look, listen, understand, match and cue make the score (`plan`), mix makes it sound (`render`), deliver
writes film, cue sheets and page. Nothing here depends on chance: the same story, library and request give the same
sound on one machine, and on another what docs/RESULTS.md says.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from storysound.annotate.hearing import ear_among, heard_in
from storysound.annotate.own_sound import OwnSound, audible, listen, music_spans, without_music
from storysound.cue.levels import Levels
from storysound.cue.master import level
from storysound.cue.mix import bed_lufs, stems
from storysound.cue.rendered import Attention, RenderedCue
from storysound.cue.score import Score
from storysound.encode import separator, silero
from storysound.encode.pool import Models
from storysound.ingest.footage import Footage, read_footage
from storysound.jobs.find.find import finder_of
from storysound.jobs.score.agreement import Listener
from storysound.jobs.score.choice import Draft, Searches, beside, effect_drafts, music_drafts
from storysound.jobs.score.cuts import Accepts, cut
from storysound.jobs.score.deliver import DELIVERED, Mix, Page, check_targets, deliver
from storysound.jobs.score.notes import notes_of
from storysound.jobs.score.request import ScoreRequest, ScoreResult
from storysound.jobs.score.scenes import Breakdown, Sight, break_down
from storysound.match.query import Hit
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import STEREO, Waveform
from storysound.media.recording import Recording, of_wave
from storysound.progress import Watch
from storysound.story import Event, Span, Step

log = logging.getLogger(__name__)

# Agreement with the pictures that an effect needs: more where the clip has its own sound, as an error costs more there.
AGREES, AGREES_UNDER_SOUND = 1.0, 3.0
# What share of the time each step takes of the demo's film.
SHARES = {"look": 23, "listen": 21, "understand": 10, "match": 1, "cue": 14, "mix": 3, "deliver": 28}
LISTENED = 3  # things listened for: speech, music, events

Explains = Callable[[Footage, Sight | None, Sequence[RenderedCue]], Mapping[str, Attention]]


@dataclass(frozen=True)
class ScorePlan:
    """A score of which nothing has been measured yet, and what was made on the way to it that rendering can use."""

    score: Score
    footage: Footage  # its story is told as it was understood
    original: Waveform | None  # what of the clip's own sound goes into the mix
    cues: tuple[RenderedCue, ...]  # those of the score
    sight: Sight | None
    seconds: Mapping[str, float] = field(default_factory=dict)  # that each step took


def run(request: ScoreRequest, models: Models, watch: Watch) -> ScoreResult:
    """Scores a story into a video, with sheets and page beside it.

    Raises MediaError for a story that can't be read, LibraryError, OutputError for a place that can't be written,
    UsageError; whatever happens, all files are there in the end or none is.
    """
    files = check_targets(request)
    finder, ranker = finder_of(request.library, models, request.rerank)
    listener = cache(lambda: Listener(models))
    watch.plan(SHARES)
    steps = _Steps(watch)
    with steps("look"):
        footage = read_footage(request.story, watch)
    planned = plan(footage, finder, models, request, watch, listener)
    with steps("mix"):
        mixed = render(planned, request.levels, watch)
    with steps("deliver"):
        watch.at(0, DELIVERED, "why each sound was chosen")
        explain: Explains = ranker.attention if ranker else listener().attention
        maps = explain(planned.footage, planned.sight, planned.cues) if planned.cues else {}
        page = Page(planned.footage, mixed, planned.original, maps)
        score = deliver(replace(planned.score, levels=mixed.mastered.levels), page, files, watch)
    seconds = {**planned.seconds, **steps.seconds}
    story = planned.footage.story
    notes = notes_of(score, story, mixed, wants_music=request.music)
    return ScoreResult(score, story, files, notes, {name: seconds[name] for name in SHARES})


def plan(
    footage: Footage,
    finder: Searches,
    models: Models,
    request: ScoreRequest,
    watch: Watch,
    listener: Callable[[], Listener] | None = None,
) -> ScorePlan:
    """Decides which sound plays when, cut how, at what level. `listener`: where the caller has one already."""
    steps = _Steps(watch)
    levels = request.levels
    with steps("listen"):
        footage, heard = _listened(footage, models, watch)
        if not request.replace:
            heard = replace(heard, music=heard.fights_with(bed_lufs(_recording(heard.wave), heard.speech, levels)))
        aside = _stepped_aside(heard, request)
        own = _kept(heard, request, models)
    with steps("understand"):
        story, breakdown = break_down(footage, models, request.text, watch)
        footage = replace(footage, story=story)
    with steps("match"):
        drafts = [] if aside else _drafts(footage, breakdown, own, finder, request, watch)
    with steps("cue"):
        accept = _accepts(footage, breakdown, own, listener or cache(lambda: Listener(models)))
        cues = cut(drafts, bed_lufs(_recording(own.wave), own.speech, levels), levels, accept, watch)
    score = Score(
        story.title,
        story.duration_s,
        story.fps,
        breakdown.scenes,
        tuple(one.cue for one in cues),
        own.speech,
        stepped_aside=aside,
        own_music=own.music,
    )
    return ScorePlan(score, footage, own.wave, tuple(cues), breakdown.sight, steps.seconds)


def render(planned: ScorePlan, levels: Levels, watch: Watch) -> Mix:
    """The sound of a score. Raises MediaError where a sound can't be read any more."""
    watch.at(0, 2, "loudness")
    score, length, original = planned.score, planned.footage.samples, _recording(planned.original)
    mastered = level(original, score.audible, score.speech, levels, length, STEREO)
    watch.at(1, 2, "mix")
    mix, added = np.zeros((2, length), np.float32), np.zeros((2, length), np.float32)
    for part in stems(original, score.audible, score.speech, mastered.levels, length, STEREO):
        stretch = slice(part.start, part.start + part.dialogue.shape[1])
        mix[:, stretch] = part.sum
        added[:, stretch] = part.music + part.ambience + part.effects
    return Mix(Waveform(mix, RATE_HZ), Waveform(added, RATE_HZ), mastered)


def _recording(wave: Waveform | None) -> Recording | None:
    return None if wave is None else of_wave(wave)


class _Steps:
    """Names the steps to whoever watches, and keeps how long each took."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self._watch.step(name)
        started_s = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started_s


def _listened(footage: Footage, models: Models, watch: Watch) -> tuple[Footage, OwnSound]:
    """What a clip sounds like; silence needs no model."""

    def speech(wave: Waveform) -> tuple[Span, ...]:
        watch.at(0, LISTENED, "speech")
        return _voice(models).speech_spans(wave)

    def music(wave: Waveform, spoken: Sequence[Span]) -> tuple[Span, ...]:
        watch.at(1, LISTENED, "music")
        return music_spans(wave, spoken, models.audio, lambda part: _background(models, part))

    def events(wave: Waveform) -> tuple[Event, ...]:
        watch.at(2, LISTENED, "events")
        ear = ear_among(models.audio)
        return heard_in(wave, ear) if ear else ()

    heard = listen(footage.original, speech, music, events)
    if heard.wave is None:
        return footage, heard
    step = Step("listening", "+".join([_voice(models).revision, *(ear.revision for ear in models.audio.values())]))
    told = footage.story.with_step(step, speech=heard.speech, music=heard.music, events=heard.events)
    return replace(footage, story=told), heard


def _voice(models: Models) -> silero.Silero:
    return models.get("silero", silero.load)


def _background(models: Models, wave: Waveform) -> Waveform:
    """A sound without its speech."""
    return models.get("separator", separator.load).split(wave)[0]


def _stepped_aside(own: OwnSound, request: ScoreRequest) -> str:
    if not own.has_music or request.replace or not request.keep_original:
        return ""
    return f"the clip already has music ({own.music_share:.0%} of it); `replace` takes it out and scores it anew"


def _kept(own: OwnSound, request: ScoreRequest, models: Models) -> OwnSound:
    """What of the clip's own sound goes into the mix."""
    if not request.keep_original:
        return OwnSound(None)
    if request.replace and own.music:
        wave = without_music(own, lambda part: _background(models, part))
        return replace(own, wave=wave, speech=own.speech if wave is not None else (), music=())
    return own


def _drafts(
    footage: Footage, breakdown: Breakdown, own: OwnSound, finder: Searches, request: ScoreRequest, watch: Watch
) -> list[Draft]:
    drafts = music_drafts(breakdown, finder, request, watch) if request.music else []
    drafts = beside(drafts, own.music)
    if request.effects:
        heard = audible(own.wave, footage.story.units)
        drafts += effect_drafts(footage, breakdown, finder, request, heard, watch)
    return drafts


def _accepts(footage: Footage, breakdown: Breakdown, own: OwnSound, listener: Callable[[], Listener]) -> Accepts:
    """Effects have to be heard as what is seen or told, and must not double what the clip itself sounds like."""
    story, sight = footage.story, breakdown.sight

    @cache
    def is_there(unit: int) -> bool:
        span = story.units[unit]
        if own.wave is None:
            return False
        wave = own.wave.cut(span.start_s, span.end_s)
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
