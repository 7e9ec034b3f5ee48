"""The videos that were given, as clips that stories are made of."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from storysound.errors import MediaError
from storysound.ingest.captions import Captions
from storysound.ingest.clips import VideoClip, clips_of, join, name_in
from storysound.jobs.ingest.request import IngestRequest
from storysound.library.origin import RightsFinder, source_of
from storysound.library.walk import FoundFile, free_name, walk, worth_a_line
from storysound.media.content import sha256_of
from storysound.media.endings import stem_path
from storysound.media.probe import probe
from storysound.progress import Watch


class Videos:
    """All videos of a request: those that can be opened, and why the others can't be used."""

    def __init__(
        self, request: IngestRequest, captions: Captions, watch: Watch, there: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        """Looks into every file. Raises InputError for a video or folder that does not exist.

        `there`: id and parts of the stories that the data set has: their names are not given to other videos.
        """
        self._captions, self._watch = captions, watch
        self._names = _Names(there)
        self._walk = walk(request.videos, leave_out=[request.data])
        self.ignored = self._walk.ignored
        self.skipped = list(self._walk.skipped)  # (file, reason)
        self.stories = join(self._clips(split=request.joining is not None), request.joining)

    def _clips(self, *, split: bool) -> Iterator[VideoClip]:
        targets = self._walk.targets
        rights = RightsFinder()
        self._captions.meet(target.file for target in targets)
        for number, target in enumerate(targets, 1):
            self._watch.at(number, len(targets), target.file)
            try:
                info = probe(target.file)
            except MediaError as error:
                self._pass_over(target, error)
                continue
            if info.video is None or not info.duration_s:
                self.ignored += 1
                continue
            if info.audio is None:
                self.skipped.append((target.file, "has no sound; a story needs some"))
                continue
            source = source_of(target, info.tags, rights.of(target), "")
            name = self._names.of(target)
            own = self._captions.of(target.file, alone=len(targets) == 1)
            yield from clips_of(Path(target.file), name, info.duration_s, own, source, split=split)

    def _pass_over(self, target: FoundFile, fault: MediaError) -> None:
        if worth_a_line(target.file):
            self.skipped.append((target.file, fault.reason))
        else:
            self.ignored += 1


class _Names:
    """Names of videos, no two of which have the same, in a data set's life."""

    def __init__(self, there: Iterable[Mapping[str, Any]]) -> None:
        """`there`: id and parts of the stories that were made before."""
        self._taken: set[str] = set()
        self._owners: dict[str, list[Mapping[str, Any]]] = {}
        for row in there:
            self._owners.setdefault(name_in(row["id"]), []).append(row["parts"][0])

    def of(self, target: FoundFile) -> str:
        """The path below what was given, without ending, and with as much above it as tells it from others."""
        free = free_name(target, lambda path: not self._is_free(stem_path(path), target))
        name = stem_path(free.path)
        if name in self._taken:  # files of one folder that differ in their endings only, at the root of the disk
            name = free.path
        self._taken.add(name)
        return name

    def _is_free(self, name: str, target: FoundFile) -> bool:
        """Whether no other video has the name: the same content elsewhere is the same video, moved."""
        owners = self._owners.get(name, [])
        return name not in self._taken and (
            not owners
            or any(owner["file"] == target.file for owner in owners)
            or any(owner["size"] == target.size and owner["sha256"] == sha256_of(target.file) for owner in owners)
        )
