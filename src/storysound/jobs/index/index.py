"""`storysound index`: brings a library up to date with folders of sound files."""

import logging
from collections.abc import Iterator
from operator import attrgetter

from storysound.encode.pool import Models
from storysound.engine.runner import Runner, runner
from storysound.engine.stage import Row
from storysound.jobs.index import analysis
from storysound.jobs.index.entries import LibraryUpdate
from storysound.jobs.index.request import IndexRequest, IndexResult
from storysound.library.store import Library, Shape
from storysound.library.walk import Walk, walk
from storysound.progress import Cancelled, Watch

log = logging.getLogger(__name__)


def run(request: IndexRequest, models: Models, watch: Watch) -> IndexResult:
    """Only new and changed content is analysed; a renamed file keeps its analysis, a copy shares it.

    Files that are gone from these folders leave the library; with `forget` those that are gone anywhere. A sound's
    `path` is relative to the folder it was indexed from; where another sound has that path, the folder's own name
    (and as much above it as is needed) comes before it.
    Sounds are committed in batches, and whatever ends this, what is finished is committed: the library is readable at
    any moment, and the next call goes on from there.
    Raises InputError for a missing folder, LibraryError, OutputError (rights, full disk), MissingModelError,
    UsageError for a profile without encoders of sound.
    """
    watch.plan({"folders": 1, "models": 4, "sounds": 95})
    watch.step("folders")
    found = walk(request.folders, leave_out=[request.library])
    jobs = min(request.jobs, max(1, len(found.targets)))
    is_new = not request.library.exists()
    library = Library.open_or_create(request.library)
    try:
        with runner([analysis.stage(models)], jobs, request.engine) as analysers:
            watch.step("models")
            shape = analysers.ask(analysis.NAME, attrgetter("shape"))
            watch.step("sounds")
            return _updated(library, shape, found, analysers, watch, request.forget)
    finally:
        if is_new:
            library.discard()


def _updated(library: Library, shape: Shape, found: Walk, analysers: Runner, watch: Watch, forget: bool) -> IndexResult:
    with library.writer(shape) as writer:
        update = LibraryUpdate(writer, found, watch, forget=forget)
        rows: Iterator[Row] = ({"file": target.file, "target": target, "sha256": s} for target, s in update.work())
        said: set[str] = set()
        try:
            for outcome in analysers.outcomes(rows):
                for note in outcome.notes:
                    if note not in said:  # each worker says what it finds of its models
                        log.warning("%s", note)
                    said.add(note)
                target, sha256 = outcome.row["target"], outcome.row["sha256"]
                update.take(target, sha256, outcome.fault or outcome.row[analysis.NAME])
            return update.finish()
        except BaseException as end:  # what is finished is worth keeping
            update.keep()
            if isinstance(end, KeyboardInterrupt | SystemExit | Cancelled):
                end.add_note(update.kept())
            raise
