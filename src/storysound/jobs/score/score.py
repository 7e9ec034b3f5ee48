"""`score`: gives a story its sound, which is to `plan` it and to `render` the plan."""

from storysound.encode.pool import Models
from storysound.ingest.kinds import kind_of
from storysound.jobs.plan.plan import SHARES as PLANNING
from storysound.jobs.plan.plan import plan, voices_beside
from storysound.jobs.render.render import SHARES as RENDERING
from storysound.jobs.render.render import Extras, check_targets, render
from storysound.jobs.score.request import ScoreRequest, ScoreResult
from storysound.media.probe import probe
from storysound.progress import Watch

# What share of the time each step takes of the demo's film.
SHARES = PLANNING | RENDERING


def run(request: ScoreRequest, models: Models, watch: Watch) -> ScoreResult:
    """Scores a story into a film, with sheets and page beside it.

    Raises MediaError for a story that can't be read, LibraryError, OutputError for a place that can't be written,
    UsageError; whatever happens, all files are there in the end or none is.
    """
    files = check_targets(request.story, request.out, request, _tracks(request))
    watch.plan(SHARES)
    with voices_beside(files["json"]):
        planned = plan(request.story, request.library, request, models, watch, files["json"])
        rendered = render(
            planned.score, files, watch, Extras(planned.footage, planned.original, planned.sounds, planned.maps)
        )
    notes = (*planned.notes, *rendered.notes)
    return ScoreResult(rendered.score, planned.footage.story, files, notes, {**planned.seconds, **rendered.seconds})


def _tracks(request: ScoreRequest) -> tuple[int, ...] | None:
    """Numbers of the film's sounds that will be made anew; None where that isn't known yet."""
    if request.every_track and kind_of(request.story) == "film":
        return tuple(sound.number for sound in probe(request.story).sounds)
    return None if request.track is None else (request.track,)
