"""A story's scenes as music is composed to them: moods, cuts, speech, and themes of scenes that return."""

from pathlib import Path

from storysound.compose.spotting import Scene, Spotting
from storysound.cue.score import MusicBrief
from storysound.encode.pool import Models
from storysound.ingest.footage import Footage, read_footage
from storysound.ingest.kinds import kind_of
from storysound.jobs.plan.beds import Bed, briefs
from storysound.jobs.plan.composing import film_times
from storysound.jobs.plan.listening import own_track, voice_of
from storysound.jobs.plan.request import PlanOptions
from storysound.jobs.plan.scenes import Breakdown, break_down
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
    asked = briefs(Bed(0.0, film.duration_s, ""), breakdown, PlanOptions(text=text))
    scenes = tuple(
        Scene(each.start_s, each.end_s, each.mood, each.theme, about=_about(each, breakdown)) for each in asked
    )
    return Spotting(scenes, tuple(cut_s for cut_s in film.cuts_s if cut_s < film.duration_s), film.speech)


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
