"""A story's scenes as music is composed to them: moods, cuts, speech, and themes of scenes that return."""

from pathlib import Path

from storysound.compose.spotting import Scene, Spotting
from storysound.cue import score
from storysound.cue.score import MusicBrief
from storysound.cue.sheet import read_json
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.ingest.footage import Footage, read_footage
from storysound.ingest.kinds import kind_of
from storysound.jobs.plan.beds import Bed, briefs
from storysound.jobs.plan.composing import film_times, surroundings, times_of
from storysound.jobs.plan.listening import own_track, voice_of
from storysound.jobs.plan.request import PlanOptions
from storysound.jobs.plan.scenes import Breakdown, break_down
from storysound.jobs.plan.themes import with_themes
from storysound.media.recording import Recording
from storysound.progress import Watch
from storysound.story import Span


def spotted(story: Path, models: Models, watch: Watch, text: str = "") -> Spotting:
    """What music for all of a story has to fit; `text`: what it is about.

    Names the steps look, listen and understand. Raises MediaError for a story that can't be read, UsageError for one
    that is too short for music.
    """
    watch.step("look")
    footage = read_footage(story, watch, own_track(story, kind_of(story), None, models), about=text)
    watch.step("listen")
    speech = _speech(footage, models, watch)
    watch.step("understand")
    told, breakdown = break_down(footage, models, text, watch)
    film = film_times(told.duration_s, breakdown.scenes, None, speech)
    options = PlanOptions(text=text)
    asked = briefs(Bed(0.0, film.duration_s, ""), with_themes(breakdown, footage, options), options)
    scenes = tuple(
        Scene(each.start_s, each.end_s, each.mood, each.theme, about=_about(each, breakdown)) for each in asked
    )
    return Spotting(scenes, tuple(cut_s for cut_s in film.cuts_s if cut_s < film.duration_s), film.speech)


def scenes_of(story: Path, models: Models, watch: Watch) -> tuple[tuple[score.Scene, ...], Recording | None]:
    """The scenes of a film as `plan` would see them, and its sound.

    Raises MediaError for a story that can't be read.
    """
    footage = read_footage(story, watch, own_track(story, kind_of(story), None, models))
    return break_down(footage, models, watch=watch)[1].scenes, footage.original


def spotted_sheet(sheet: Path) -> tuple[Spotting, int]:
    """What the composed music of a sheet was composed to, as its cues have it now, and its seed: the same notes again.

    Raises InputError for a sheet that can't be read, and one whose composed cues are no whole piece.
    """
    planned = read_json(sheet)
    asked = sorted((cue.composed for cue in planned.cues if cue.composed), key=lambda each: each.start_s)
    pieces = {each.piece for each in asked}
    if len(pieces) != 1 or [each.number for each in asked] != list(range(asked[0].piece.scenes)):
        fault = f"holds {len(asked)} composed cues of {len(pieces)} pieces, one whole piece is wanted"
        raise InputError(sheet, fault, "swap composed cues back, or give the film")
    (piece,) = pieces
    scenes = tuple(
        Scene(
            round(each.start_s - piece.start_s, 6),
            round(each.end_s - piece.start_s, 6),
            each.mood,
            each.theme,
            each.ensemble,
            each.seed,
            each.style,
        )
        for each in asked
    )
    hits = [hit for each in asked for hit in each.hits]
    around = surroundings(piece.start_s, piece.end_s, times_of(planned), hits)
    return Spotting(scenes, around.cuts_s, around.speech, around.hits), piece.seed


def _speech(footage: Footage, models: Models, watch: Watch) -> tuple[Span, ...]:
    """Where somebody speaks; a story without sound needs no model."""
    sound = footage.original
    if sound is None:
        return ()
    return voice_of(models).speech_spans(sound, lambda done_s: watch.at(done_s, sound.duration_s))


def _about(brief: MusicBrief, breakdown: Breakdown) -> str:
    """What is told or seen in the scene under most of a brief."""
    span = Span(brief.start_s, brief.end_s)
    scene = max(breakdown.scenes, key=lambda each: Span(each.start_s, each.end_s).overlap_s(span))
    return " ".join((scene.text or scene.gloss).split())[:200]
