"""Where music is composed instead of taken from the library, why, and what each scene of it is asked to be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count, groupby, pairwise
from pathlib import Path

import numpy as np

from storysound.compose.ending import SHORTEST_S
from storysound.compose.ensembles import ensemble, ensembles
from storysound.compose.form import LEAST_SECTION_S
from storysound.compose.spotting import LEAST_LENGTH_S
from storysound.cue.levels import Levels
from storysound.cue.mix import wanted_lufs
from storysound.cue.score import Cue, MusicBrief, MusicPiece, RunnerUp, Scene
from storysound.encode import music_fit
from storysound.encode.pool import Models
from storysound.errors import MissingModelError, UsageError
from storysound.ingest.kinds import StoryKind
from storysound.jobs.plan.choice import Draft
from storysound.jobs.plan.composing import Composer, FilmTimes
from storysound.jobs.plan.request import PlanOptions
from storysound.jobs.plan.scenes import Breakdown
from storysound.progress import Watch
from storysound.story import Mood, Span

_TOUCH_S = 0.05


@dataclass(frozen=True)
class Bed:
    """A stretch of a film with one composed piece, and why; `drafts`: what the library has for it."""

    start_s: float
    end_s: float
    why: str
    drafts: tuple[Draft, ...] = ()


def composer_of(
    options: PlanOptions, kind: StoryKind, library: Path | None, models: Models, sheet: Path
) -> tuple[Composer | None, str]:
    """Who composes; nobody where it isn't wanted, or the font isn't there and needn't be, of which a note is given.

    Raises MissingModelError where all music is to be composed and the font isn't there, UsageError.
    """
    wanted = options.composing(kind, library)
    if wanted == "never":
        if options.compose is None and options.ensemble != PlanOptions.ensemble:
            raise UsageError("plays what is composed: ask for it by `compose`", field="ensemble")
        return None, ""
    ensemble(options.ensemble, ensembles())
    try:
        return Composer(sheet, models, commercial=options.licence_policy == "commercial"), ""
    except MissingModelError:
        if options.compose == "always":
            raise
        return None, "music can be composed to the scenes once a SoundFont is there: pull the models `soundfonts`"


def composed_beds(
    drafts: Sequence[Draft], free: Sequence[Draft], breakdown: Breakdown, options: PlanOptions, *, always: bool
) -> tuple[list[Bed], list[Draft]]:
    """Where music is composed, and the drafts that stay.

    `free`: where a bed may lie. Without music of the library all of that is composed; else, where not `always`, what
    the library has is left where it fits the mood as probably as composed music does, or more.
    """
    music = [draft for draft in drafts if draft.layer == "music"]
    others = [draft for draft in drafts if draft.layer != "music"]
    if always or not music:
        why = "composed as asked" if options.compose else "composed, as no library was given"
        why = why if always else "the library has no music that may be used"
        beds = [_bed(each, why, [draft for draft in music if _overlap_s(draft, each) > 0]) for each in free]
        return [bed for bed in beds if bed.end_s - bed.start_s >= LEAST_LENGTH_S], others
    beds = []
    for draft in music:
        track, composed, mood = fits(draft, breakdown, options.mood)
        if track >= composed:
            others.append(draft)
            continue
        title = draft.hits[0].sound.title or draft.hits[0].sound.path
        why = (
            f"no track of the library is as near to {music_fit.named(mood)}: {title} fits with {track:.2f}, "
            f"composed music as a rule with {composed:.2f}"
        )
        bed = _bed(draft, why, [draft])
        if beds and abs(beds[-1].end_s - bed.start_s) < _TOUCH_S:
            bed = Bed(beds[-1].start_s, bed.end_s, beds[-1].why, (*beds[-1].drafts, draft))
            beds.pop()
        beds.append(bed)
    return [bed for bed in beds if bed.end_s - bed.start_s >= LEAST_LENGTH_S], others


def _bed(draft: Draft, why: str, drafts: Sequence[Draft]) -> Bed:
    """From the middle of the change before it to that of the one after it."""
    edges = draft.start_s + draft.cross_in_s / 2, draft.end_s - draft.cross_out_s / 2
    return Bed(round(edges[0], 6), round(edges[1], 6), why, tuple(drafts))


def _overlap_s(one: Draft, other: Draft) -> float:
    return Span(one.start_s, one.end_s).overlap_s(Span(other.start_s, other.end_s))


def fits(draft: Draft, breakdown: Breakdown, wanted: Mood | None) -> tuple[float, float, Mood]:
    """How probably a draft's sound fits the moods of its scenes, or the one that is `wanted`; and composed music.

    With the mood of all its scenes together.
    """
    span, own = Span(draft.start_s, draft.end_s), draft.hits[0].sound.mood
    shares = [Span(s.start_s, s.end_s).overlap_s(span) for s in breakdown.scenes]
    moods = [wanted or scene.mood for scene in breakdown.scenes]
    rows = [
        (music_fit.probability(mood, own), music_fit.of_composed(mood), mood.valence, mood.arousal) for mood in moods
    ]
    track, composed, valence, arousal = np.average(rows, axis=0, weights=shares if any(shares) else None).tolist()
    return track, composed, Mood(valence, arousal)


def briefs(bed: Bed, breakdown: Breakdown, options: PlanOptions) -> list[MusicBrief]:
    """What each scene of a bed is asked to be; scenes too short for a bar or an ending are joined to a neighbour."""
    scenes, themes = breakdown.scenes, returning(breakdown.scenes)
    turns = [round(scene.start_s, 6) for scene in scenes if bed.start_s < scene.start_s < bed.end_s]
    bounds = _spaced([bed.start_s, *turns, bed.end_s])
    piece = MusicPiece(bed.start_s, bed.end_s, len(bounds) - 1, options.seed)
    found = []
    for number, (start_s, end_s) in enumerate(pairwise(bounds)):
        span = Span(start_s, end_s)
        shares = np.array([Span(scene.start_s, scene.end_s).overlap_s(span) for scene in scenes])
        moods = np.array([[scene.mood.valence, scene.mood.arousal] for scene in scenes])
        valence, arousal = np.average(moods, axis=0, weights=shares if shares.any() else None).round(3).tolist()
        mood = options.mood or Mood(valence, arousal)
        theme = themes[int(shares.argmax())]
        hits = tuple(hit for hit in options.hits if start_s <= hit.at_s < end_s)
        found.append(MusicBrief(piece, number, start_s, end_s, mood, theme, options.ensemble, hits=hits))
    return found


def _spaced(bounds: list[float]) -> list[float]:
    """Bounds of scenes without those that would leave one too short to be a scene of its own, or to end in."""
    end_s = bounds[-1]
    last_s = LEAST_SECTION_S + SHORTEST_S + _TOUCH_S
    kept = [bounds[0]]
    for bound in bounds[1:-1]:
        if bound - kept[-1] >= LEAST_SECTION_S and end_s - bound >= last_s:
            kept.append(bound)
    return [*kept, end_s]


def returning(scenes: Sequence[Scene]) -> list[str]:
    """The theme of each scene: A, B, … of those that return after others, of all the rest the film's own, ""."""
    runs = [theme for theme, _ in groupby(scene.theme for scene in scenes)]
    back = (theme for theme in dict.fromkeys(runs) if theme and runs.count(theme) > 1)
    names = dict(zip(back, (f"theme {_letters(n)}" for n in count()), strict=False))
    return [names.get(scene.theme or 0, "") for scene in scenes]


def _letters(number: int) -> str:
    """A, B, …, Z, AA, …

    >>> _letters(0), _letters(26)
    ('A', 'AA')
    """
    before, last = divmod(number, 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + last)


def composed_cues(
    bed: Bed,
    composer: Composer,
    breakdown: Breakdown,
    film: FilmTimes,
    options: PlanOptions,
    level: tuple[float, Levels],
    taken: Sequence[str],
    watch: Watch,
) -> list[Cue]:
    """The cues of a bed, one for each of its scenes, all with one gain. `level`: that of beds, and the mix's."""
    numbers = (n for n in count(1) if f"music-{n}" not in taken)
    cues = []
    for brief in briefs(bed, breakdown, options):
        watch.check()
        cue = composer.cue(f"music-{next(numbers)}", brief, film, watch, options.avoid)
        cues.append(replace(cue, why=(*cue.why, bed.why), runners_up=_runners_up(bed, brief)))
    gain_db = _gain_db(cues, *level)
    return [replace(cue, gain_db=gain_db) for cue in cues]


def _runners_up(bed: Bed, brief: MusicBrief) -> tuple[RunnerUp, ...]:
    """What the library has for most of a scene."""
    span = Span(brief.start_s, brief.end_s)
    drafts = [d for d in bed.drafts if Span(d.start_s, d.end_s).overlap_s(span) > 0]
    if not drafts:
        return ()
    most = max(drafts, key=lambda d: Span(d.start_s, d.end_s).overlap_s(span))
    return tuple(RunnerUp(h.sound.path, h.score, h.start_s, h.end_s, h.why) for h in most.hits)


def _gain_db(cues: Sequence[Cue], bed_lufs: float, levels: Levels) -> float:
    """What brings a piece to the level of the beds of its moods, as a whole: within it the music goes up and down."""
    heard = [cue for cue in cues if np.isfinite(cue.level_lufs)]
    if not heard:
        return 0.0
    lengths = np.array([cue.duration_s for cue in heard])
    powers = np.array([10 ** (cue.level_lufs / 10) for cue in heard])
    wanted = [wanted_lufs("music", bed_lufs, levels, arousal=cue.sound.mood.arousal, soft=False) for cue in heard]
    return float(np.average(wanted, weights=lengths) - 10 * np.log10(np.average(powers, weights=lengths)))
