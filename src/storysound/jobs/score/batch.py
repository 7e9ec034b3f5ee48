"""Many stories into one folder: what each becomes there, and which are done already."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from storysound.cue.references import is_unchanged
from storysound.cue.sheet import read_json
from storysound.errors import InputError, MediaError
from storysound.ingest.kinds import TEXT_SUFFIXES, kind_of
from storysound.jobs.plan.request import SLIDESHOW
from storysound.jobs.render.render import sheets_of
from storysound.jobs.score.request import ScoreRequest
from storysound.media.film.containers import CONTAINERS
from storysound.media.film.sound_files import SOUND_SUFFIXES

FILM, SOUND = ".mp4", ".m4a"


def outputs(stories: Sequence[Path], folder: Path) -> Iterator[tuple[Path, Path]]:
    """Each story with the file it becomes in the folder: of its own kind, and no two of one name."""
    taken: set[str] = set()
    for story in stories:
        name = story.name if story.is_dir() else story.stem
        usual, fitting = (SOUND, SOUND_SUFFIXES) if _is_heard(story) else (FILM, tuple(CONTAINERS))
        suffix = story.suffix.lower() if story.suffix.lower() in fitting and not story.is_dir() else usual
        out, number = f"{name}{suffix}", 2
        while out.casefold() in taken:
            out, number = f"{name}-{number}{suffix}", number + 1
        taken.add(out.casefold())
        yield story, folder / out


def fitting(story: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Of options for many stories, fields of ScoreRequest, those that mean something for this one."""
    apart = {"every_track"} if story.is_dir() else set(SLIDESHOW) | ({"every_track"} if _is_heard(story) else set())
    return {name: value for name, value in options.items() if name not in apart}


def _is_heard(story: Path) -> bool:
    """Whether there is nothing to see in it; what can't be read goes by its name, and fails when it is its turn."""
    try:
        return kind_of(story) in ("text", "sound")
    except MediaError:
        return story.suffix.lower() in TEXT_SUFFIXES.union(SOUND_SUFFIXES)


def is_done(request: ScoreRequest) -> bool:
    """Whether the story was scored to there already with the same wishes, and is what it was then."""
    if not request.out.exists():
        return False
    try:
        score = read_json(sheets_of(request.out, request.report)["json"])
    except InputError:
        return False
    found = score.levels  # but for what levelling found
    levels = replace(request.levels, master_db=found.master_db, coding_db=found.coding_db)
    wishes = request.wishes(score.wishes.profile, request.library, request.compose or score.wishes.compose)
    same = score.wishes == wishes and score.bans == request.avoid and found == levels
    return same and score.story is not None and is_unchanged(score.story)
