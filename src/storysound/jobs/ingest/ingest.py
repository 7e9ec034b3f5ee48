"""`storysound ingest`: raw videos and what people wrote about them to a data set of stories."""

from dataclasses import replace
from operator import attrgetter

from storysound.encode.pool import Models
from storysound.engine.runner import Runner, runner
from storysound.ingest.captions import read_captions
from storysound.jobs.ingest import stages
from storysound.jobs.ingest.request import IngestRequest, IngestResult
from storysound.jobs.ingest.stories import DatasetUpdate
from storysound.jobs.ingest.videos import Videos
from storysound.library.dataset import Dataset
from storysound.progress import Cancelled, Watch


def run(request: IngestRequest, models: Models, watch: Watch) -> IngestResult:
    """Stories that are there already and whose videos and captions did not change are not made again.

    A video that can't be used is reported and left out, and so is what of the captions isn't used. Whatever ends this,
    what is finished is committed; killed at any moment and called again, the result is the same, and two batches and
    what was under way are made twice at most.
    Raises InputError for missing videos and unusable captions, LibraryError for a data set made with other settings,
    OutputError (rights, full disk), MissingModelError.
    """
    watch.plan({"videos": 2, "models": 3, "stories": 95})
    watch.step("videos")
    captions = read_captions(request.captions, request.language)
    there = Dataset.open(request.data).rows(("id", "parts")) if Dataset.is_at(request.data) else []
    videos = Videos(request, captions, watch, there)
    jobs = min(request.jobs, max(1, len(videos.stories)))
    with runner(stages.stages(request.config, models), jobs, request.engine) as makers:
        watch.step("models")
        fingerprint = makers.ask(stages.KEY_FRAMES, attrgetter("fingerprint"))
        made_with = stages.settings(
            request.config, fingerprint, makers.ask(stages.SPEECH_REMOVAL, attrgetter("revision"))
        )
        is_new = not request.data.exists()
        dataset = Dataset.open_or_create(request.data, made_with)
        try:
            watch.step("stories")
            result = _updated(dataset, videos, made_with, makers, request.batch, watch)
        finally:
            if is_new:
                dataset.discard()
    return replace(result, notes=(*result.notes, *captions.left_out()))


def _updated(
    dataset: Dataset, videos: Videos, made_with: dict[str, str], makers: Runner, batch: int, watch: Watch
) -> IngestResult:
    with dataset.writer() as writer:
        update = DatasetUpdate(writer, videos, stages.steps(made_with), batch, watch)
        try:
            for outcome in makers.outcomes(update.rows()):
                update.take(outcome)
            return update.finish()
        except BaseException as end:  # what is finished is worth keeping
            update.keep()
            if isinstance(end, KeyboardInterrupt | SystemExit | Cancelled):
                end.add_note(update.kept())
            raise
